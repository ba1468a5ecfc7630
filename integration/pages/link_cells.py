"""What several lists share: icons that open a thing elsewhere, and badges."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from integration.domain.state import Ending
from integration.models import AccountLink, ChannelLink, IntegratedCourse
from integration.pages.cells import badge
from integration.services.admin.group_states import GroupState
from integration.services.admin.link_lists import ChannelFacts

GROUP_LABELS = {
    GroupState.CHANNEL: gettext_lazy("Channel"),
    GroupState.COMING: gettext_lazy("Channel at the next sync"),
    GroupState.KEPT: gettext_lazy("Channel kept"),
    GroupState.CLOSED: gettext_lazy("Channel closed"),
    GroupState.EXCLUDED: gettext_lazy("Excluded"),
    GroupState.NO_PATTERN: gettext_lazy("No pattern"),
    GroupState.HIDDEN: gettext_lazy("Members hidden"),
    GroupState.EMPTY: gettext_lazy("Nobody to add"),
    GroupState.COURSE: gettext_lazy("Course hidden or over"),
    GroupState.UNDECIDED: gettext_lazy("Not decided"),
    GroupState.GONE: gettext_lazy("Group deleted"),
}
GROUP_TONES = {
    GroupState.CHANNEL: "good",
    GroupState.COMING: "info",
    GroupState.KEPT: "warn",
    GroupState.UNDECIDED: "warn",
    GroupState.GONE: "warn",
}
ENDED_LABELS = {
    Ending.KEEP.value: gettext_lazy("Kept"),
    Ending.READ_ONLY.value: gettext_lazy("Read-only"),
    Ending.ARCHIVE.value: gettext_lazy("Archived"),
}


def group_badge(state: GroupState) -> SafeString:
    return badge(GROUP_LABELS[state], GROUP_TONES.get(state, "plain"))


def moodle_icon(url: str) -> SafeString | str:
    """Nothing where the address is not known."""
    return _icon(url, "school", gettext("Open in Moodle"))


def chat_icon(url: str) -> SafeString | str:
    return _icon(url, "forum", gettext("Open in Rocket.Chat"))


def icons(in_moodle: str, in_chat: str) -> SafeString:
    return format_html(
        '<span class="rc-nowrap">{}{}</span>', moodle_icon(in_moodle), chat_icon(in_chat)
    )


def account_badge(row: AccountLink) -> SafeString:
    if row.deactivated:
        return badge(gettext("Deactivated"), "plain")
    return badge(gettext("Active"), "good")


def origin(row: AccountLink | ChannelLink) -> str:
    return gettext("created by rcsync") if row.created else gettext("adopted")


def course_link(course: IntegratedCourse | None, course_id: int) -> SafeString | str:
    """To the page of the course; its number where it is not integrated any more."""
    if course is None:
        return gettext("Course %(n)d") % {"n": course_id}
    url = reverse("admin:integration_integratedcourse_change", args=[course.pk])
    return format_html('<a class="rc-link" href="{}">{}</a>', url, course)


def channel_badges(row: ChannelLink, facts: ChannelFacts) -> SafeString:
    """Closed or open, and what makes a person look."""
    label = ENDED_LABELS.get(row.ended)
    found = [badge(label, "plain") if label else badge(gettext("Open"), "good")]
    if facts.course is None:
        found.append(badge(gettext("Course not integrated"), "warn"))
    if facts.differences:
        text = ngettext("%(n)d difference", "%(n)d differences", facts.differences)
        found.append(badge(text % {"n": facts.differences}, "warn"))
    return format_html("{} " * len(found), *found)


def _icon(url: str, symbol: str, label: str) -> SafeString | str:
    if not url:
        return ""
    return format_html(
        '<a class="rc-open" href="{}" target="_blank" rel="noopener" title="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span>'
        '<span class="rc-sr">{}</span></a>',
        url,
        label,
        symbol,
        label,
    )
