"""Links to channels in templates. Rows of one template share the key that signs them."""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from integration.models import ChannelLink
from integration.pages import cells
from integration.services.in_course.permalinks import Permalinks

register = template.Library()


@register.simple_tag(takes_context=True)
def copy_channel_link(context: Context, channel: ChannelLink) -> SafeString | str:
    """A button that copies the permanent link of the channel."""
    return cells.copy_link(_links(context).of_channel(channel))


@register.simple_tag(takes_context=True)
def copy_group_link(context: Context, group_id: int, course_id: int) -> SafeString | str:
    """The same for a group that has no channel yet."""
    return cells.copy_link(_links(context).of_group(group_id, course_id))


@register.simple_tag(takes_context=True)
def copy_course_link(context: Context, course_id: int) -> SafeString | str:
    """A button that copies the link to all channels of a course."""
    return cells.copy_link(_links(context).of_course(course_id))


def _links(context: Context) -> Permalinks:
    links = context.render_context.get("permalinks")
    if links is None:
        links = context.render_context["permalinks"] = Permalinks()
    return links
