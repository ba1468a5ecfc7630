"""Choices and validators that several tables share."""

from typing import Any

from croniter import croniter
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from integration.domain.state import Ending, RoomRole


def check_cron(text: str) -> None:
    """Whether croniter, which reads the schedules, understands the five fields."""
    if not croniter.is_valid(text) or len(text.split()) != 5:
        raise ValidationError(
            _("This is not a cron expression. It needs five fields, for example 30 2 * * *.")
        )


def choices(enum: Any, **labels: Any) -> list[tuple[str, Any]]:
    """(value, label) for every member of a StrEnum; a member without a label is a TypeError at
    import.
    """
    return [(member.value, labels[member.value]) for member in enum]


# Any host name, also one without a dot, which Django's own URL field refuses.
web_address = RegexValidator(
    r"^https?://[^\s/?#@]+(/\S*)?$", _("Enter an address such as https://chat.example.org")
)


ENDINGS = choices(
    Ending,
    keep=_("Keep it: nobody joins, and people who lose the right are removed"),
    read_only=_("Make it read-only"),
    archive=_("Archive it"),
)


GO_ON = ("", _("Go on as before"))
NOT_BEGUN = [GO_ON, (Ending.READ_ONLY.value, _("Make it read-only"))]


ROOM_ROLES = choices(
    RoomRole,
    member=_("Member"),
    leader=_("Leader"),
    moderator=_("Moderator"),
    owner=_("Owner"),
)
