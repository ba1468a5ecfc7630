"""Links to channels in templates."""

from django import template
from django.utils.safestring import SafeString

from integration.models import ChannelLink
from integration.pages import cells
from integration.services.in_course.permalinks import Permalinks

register = template.Library()


@register.simple_tag
def copy_channel_link(channel: ChannelLink) -> SafeString | str:
    """A button that copies the permanent link of the channel."""
    return cells.copy_link(Permalinks().of_channel(channel))


@register.simple_tag
def copy_group_link(group_id: int, course_id: int) -> SafeString | str:
    """The same for a group that has no channel yet."""
    return cells.copy_link(Permalinks().of_group(group_id, course_id))


@register.simple_tag
def copy_course_link(course_id: int) -> SafeString | str:
    """A button that copies the link to all channels of a course."""
    return cells.copy_link(Permalinks().of_course(course_id))
