"""Stored secrets that no key opens: which they are, and letting go of them.

A page must not fail because of them: whoever is to repair it needs the pages.
"""

from django.core.exceptions import ImproperlyConfigured

from integration.fields import secret_fields
from integration.models import IntegrationSettings
from integration.services.ledger import audit_trail


def problem() -> str:
    """What is wrong, in words, with what to do; "" when every stored secret can be read."""
    return next(iter(_problems().values()), "")


def forget_unreadable() -> list[str]:
    """Empty them, so that they can be entered again; their names. The others stay."""
    names = list(_problems())
    if names:
        # Past the audit trail's watch, which would read them first; so it is told here.
        plain = IntegrationSettings._base_manager.filter(pk=1)
        plain.update(**dict.fromkeys(names, ""))
        audit_trail.record(
            "forget_secrets",
            ", ".join(names),
            before=dict.fromkeys(names, "(unreadable)"),
            after=dict.fromkeys(names, ""),
        )
    return names


def _problems() -> dict[str, str]:
    """Field -> what is wrong with it. One query where all is well."""
    fields = secret_fields(IntegrationSettings)
    try:
        _read(*fields)
    except ImproperlyConfigured:
        return {name: text for name in fields if (text := _problem_of(name))}
    return {}


def _problem_of(name: str) -> str:
    try:
        _read(name)
    except ImproperlyConfigured as error:
        return str(error)
    return ""


def _read(*names: str) -> None:
    list(IntegrationSettings.objects.values_list(*names))
