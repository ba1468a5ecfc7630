"""What an empty list says, in templates."""

from django import template

from integration.pages import empty_states

register = template.Library()
register.simple_tag(empty_states.empty_state, name="empty_state")
