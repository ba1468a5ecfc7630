"""Words in templates: `{{ operation.reason|local }}` is what the services said in English, in the
reader's language; `{{ part.title|heading }}` a title of a page.
"""

from collections.abc import Sequence

from django import template
from django.db.models import Model
from django.utils.text import capfirst

from integration import translation

register = template.Library()


@register.filter
def local(text: object) -> str:
    return translation.local(text) if isinstance(text, str) else str(text)


@register.filter
def without_app(parts: Sequence[object]) -> Sequence[object]:
    """The parts of a heading without Unfold's first one, the Django app: nobody looks for that."""
    return parts[1:] if len(parts) > 1 else parts


@register.filter
def heading(title: object) -> str:
    """With a capital at the beginning, except where it is the name of a thing: a user, a channel,
    rcsync.
    """
    text = str(title)
    return text if isinstance(title, Model) or text.startswith("rcsync") else str(capfirst(text))
