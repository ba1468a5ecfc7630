"""`{% sign_in_buttons as buttons %}`: the ways to sign in besides name and password."""

from django import template
from django.template import Context

from integration.pages import sign_in

register = template.Library()


@register.simple_tag(takes_context=True)
def sign_in_buttons(context: Context) -> list[sign_in.Button]:
    return sign_in.buttons(str(context.get("next") or ""))
