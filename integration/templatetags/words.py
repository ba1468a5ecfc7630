"""`{{ operation.reason|local }}`: what the services said in English, in the reader's language."""

from django import template

from integration import translation

register = template.Library()


@register.filter
def local(text: object) -> str:
    return translation.local(text) if isinstance(text, str) else str(text)
