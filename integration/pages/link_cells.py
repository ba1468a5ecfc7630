"""What several lists share: icons that open a thing elsewhere, badges of groups, CSV answers."""

from collections.abc import Iterable

from django.http import StreamingHttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from integration.pages.cells import badge
from integration.services.admin.group_states import GroupState

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


def group_badge(state: GroupState) -> SafeString:
    return badge(GROUP_LABELS[state], GROUP_TONES.get(state, "plain"))


def moodle_icon(url: str) -> SafeString | str:
    """Nothing where the address is not known."""
    return _icon(url, "school", gettext("Open in Moodle"))


def chat_icon(url: str) -> SafeString | str:
    return _icon(url, "forum", gettext("Open in Rocket.Chat"))


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


def csv_answer(name: str, lines: Iterable[str]) -> StreamingHttpResponse:
    """`lines` as a file of that name, sent while it is made."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
