"""Links to channels: from a course to Rocket.Chat, without signing in to rcsync."""

import logging

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from integration.domain.errors import ConfigurationError
from integration.domain.state import Ending
from integration.fields import UnreadableSecret
from integration.models import ChannelLink
from integration.pages import public
from integration.services.in_course import permalinks, rooms
from integration.services.in_course.permalinks import CourseTarget, Permalinks

logger = logging.getLogger(__name__)


@never_cache
@require_safe
def follow(request: HttpRequest, token: str) -> HttpResponseBase:
    """To the channel; or a page that says why there is none to go to."""
    try:
        target = permalinks.target_of(token)
    except UnreadableSecret as error:
        logger.warning("links to channels cannot be checked: %s", error)
        return _unavailable(request)
    if target is None:
        return _wrong(request)
    if isinstance(target, CourseTarget):
        return _course(request, permalinks.channels_of(target))
    channel = permalinks.channel_of(target)
    return enter(request, channel) if channel else _not_there(request)


def enter(request: HttpRequest, channel: ChannelLink) -> HttpResponseBase:
    """A redirect to the room's current address, or why it cannot be entered."""
    try:
        place = rooms.place_of(channel)
    except ConfigurationError as error:
        logger.warning("channels cannot be opened: %s", error)
        return _unavailable(request)
    if place.archived:
        return archived(request)
    return redirect(place.url) if place.url else _not_there(request)


def _course(request: HttpRequest, channels: list[ChannelLink]) -> HttpResponseBase:
    """With several channels, a list of links that each lead to one."""
    if not channels:
        return _not_there(request)
    open_ones = [channel for channel in channels if channel.ended != Ending.ARCHIVE]
    if len(open_ones) == 1 or len(channels) == 1:
        return enter(request, (open_ones or channels)[0])
    if not open_ones:
        return archived(request)
    links = Permalinks()
    return public.message(
        request,
        gettext("Channels of this course"),
        gettext("Choose yours. Rocket.Chat lets you into the channels that you are a member of."),
        ways=[public.Way(channel.name, links.of_channel(channel)) for channel in open_ones],
    )


def archived(request: HttpRequest) -> HttpResponseBase:
    return public.message(
        request,
        gettext("This channel is archived"),
        gettext(
            "Its group or course has ended. Nothing was deleted; nobody writes there any more."
        ),
        status=410,
        ask=public.whom_to_ask(),
    )


def _not_there(request: HttpRequest) -> HttpResponseBase:
    return public.message(
        request,
        gettext("This channel does not exist"),
        gettext(
            "It has not been created yet, or it no longer exists. A new group gets its "
            "channel within a few minutes: try again later."
        ),
        status=404,
        ask=public.whom_to_ask(),
    )


def _wrong(request: HttpRequest) -> HttpResponseBase:
    return public.message(
        request,
        gettext("This link is not complete"),
        gettext("A part of it is missing or was changed. Open it again from your course."),
        status=404,
        ask=public.whom_to_ask(),
    )


def _unavailable(request: HttpRequest) -> HttpResponseBase:
    return public.message(
        request,
        gettext("Channels cannot be opened from here now"),
        gettext("Open Rocket.Chat itself: your channels are in the list on the left."),
        status=503,
        ask=public.whom_to_ask(teacher=False),
    )
