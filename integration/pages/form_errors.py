"""What is wrong with a form, for the top of its page: which row, which field, what.

It knows the admin's three kinds of pages: one form, a form with rows of others (inlines), and a
list whose rows are edited in place.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import BaseForm, BaseFormSet
from django.utils.text import capfirst
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class FormError:
    """One error. `row` is "" in a form without rows, `field` where it is about all of the row, and
    `target` the id of the element to correct, "" where there is none.
    """

    text: str
    row: str = ""
    field: str = ""
    target: str = ""


def form_errors(context: Mapping[str, Any]) -> list[FormError]:
    """Every error of the page whose template context this is, from top to bottom, except those
    about all of a page's only form, which the page shows itself.
    """
    rows = getattr(context.get("cl"), "formset", None)
    if rows is not None:
        return list(_of_rows(rows))
    admin_form = context.get("adminform")
    form = admin_form.form if admin_form else context.get("form")
    found = list(_of_form(form)) if isinstance(form, BaseForm) else []
    for inline in context.get("inline_admin_formsets") or ():
        found += _of_rows(inline.formset)
    return found


def _of_rows(rows: "BaseFormSet[Any]") -> Iterator[FormError]:
    yield from (FormError(str(text)) for text in rows.non_form_errors())
    for form in rows.forms:
        if form.errors:
            yield from _of_form(form, _name(form))


def _of_form(form: BaseForm, row: str = "") -> Iterator[FormError]:
    for name, texts in form.errors.items():
        if name == NON_FIELD_ERRORS and not row:
            continue
        field = form[name] if name in form.fields else None
        label = str(capfirst(field.label)) if field else ""
        target = field.id_for_label if field else _first_field(form)
        yield from (FormError(str(text), row, label, target or "") for text in texts)


def _first_field(form: BaseForm) -> str:
    shown = (field.id_for_label for field in form.visible_fields())
    return next((target for target in shown if target), "")


def _name(form: Any) -> str:
    """What a row is called in its list; a row that is not stored yet has no name."""
    instance = form.instance
    return str(instance) if instance.pk else _("New row")
