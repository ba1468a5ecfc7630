"""The pages of one channel and of one account: who is in it, where it is in, what was done, why."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from integration.domain.numbers import whole_number
from integration.models import AccountLink, AuditEntry, ChannelLink
from integration.pages import access, cells, link_cells
from integration.services.admin import audit_sentences, link_lists, links
from integration.services.in_course.permalinks import Permalinks

HISTORY = 20  # entries shown
PER_PAGE = 100  # members, or channels


def channel(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Called by the ModelAdmin, so that the page has the address of every other row."""
    return _channel(request, object_id)


def account(request: HttpRequest, object_id: str) -> HttpResponseBase:
    return _account(request, object_id)


@access.page(access.SEE_CHANNELS)
def _channel(request: HttpRequest, object_id: str) -> HttpResponse:
    row = get_object_or_404(ChannelLink, pk=_key(object_id))
    facts, places = link_lists.channel_facts([row])[row.pk], links.places()
    may_see = request.user.has_perm(access.SEE_PEOPLE)
    page = Paginator(link_lists.members_of(row), PER_PAGE).get_page(request.GET.get("page"))
    members = list(page.object_list) if may_see else []
    people = link_lists.people_named([one.account.moodle_user_id for one in members])
    context = access.context(
        request,
        row.name,
        opts=ChannelLink._meta,
        original=row,
        row=row,
        facts=facts,
        badges=link_cells.channel_badges(row, facts),
        course=link_cells.course_link(facts.course, row.moodle_course_id),
        origin=link_cells.origin(row),
        icons=link_cells.icons(
            places.moodle_group(row.moodle_course_id, row.moodle_group_id), places.room(row.room_id)
        ),
        copy=_copy(row),
        may_see_people=may_see,
        members=[(one, people.get(one.account.moodle_user_id)) for one in members],
        page=page,
        history=_history(request, group_id=row.moodle_group_id),
        history_query=f"moodle_group_id={row.moodle_group_id}",
    )
    return TemplateResponse(request, "integration/channel.html", context)


@access.page(access.SEE_PEOPLE)
def _account(request: HttpRequest, object_id: str) -> HttpResponse:
    row = get_object_or_404(AccountLink, pk=_key(object_id))
    facts, places = link_lists.account_facts([row])[row.pk], links.places()
    page = Paginator(link_lists.channels_of(row), PER_PAGE).get_page(request.GET.get("page"))
    memberships = list(page.object_list)
    of_channels = link_lists.channel_facts([one.channel for one in memberships])
    context = access.context(
        request,
        facts.person.name if facts.person else row.username,
        opts=AccountLink._meta,
        original=row,
        row=row,
        facts=facts,
        badge=link_cells.account_badge(row),
        origin=link_cells.origin(row),
        icons=link_cells.icons(
            places.moodle_user(row.moodle_user_id), places.account(row.rocketchat_user_id)
        ),
        channels=[
            (
                one,
                link_cells.course_link(
                    of_channels[one.channel.pk].course, one.channel.moodle_course_id
                ),
                link_cells.channel_badges(one.channel, of_channels[one.channel.pk]),
            )
            for one in memberships
        ],
        page=page,
        conflicts=link_lists.conflicts_of_person(row.moodle_user_id),
        history=_history(request, user_id=row.moodle_user_id),
        history_query=f"moodle_user_id={row.moodle_user_id}",
    )
    return TemplateResponse(request, "integration/account.html", context)


def _key(object_id: str) -> int:
    """Of the row; Http404 for what no row can have."""
    number = whole_number(object_id)
    if number is None:
        raise Http404
    return number


def _copy(row: ChannelLink) -> SafeString | str:
    try:
        return cells.copy_link(Permalinks().of_channel(row))
    except ImproperlyConfigured:  # the doctor says what is wrong with the key
        return ""


def _history(request: HttpRequest, **about: Any) -> list[tuple[AuditEntry, str]]:
    """Nothing for who may not see the audit trail."""
    if not request.user.has_perm("integration.view_auditentry"):
        return []
    entries = link_lists.history_of(**about)[:HISTORY]
    return [(entry, audit_sentences.sentence(entry)) for entry in entries]
