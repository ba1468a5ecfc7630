"""Addresses in Moodle and Rocket.Chat, and letting go of what is managed."""

from dataclasses import dataclass
from urllib.parse import quote

from django.db import transaction

from integration.models import AccountLink, ChannelLink, IntegratedCourse, IntegrationSettings
from integration.services.ledger import category_joins
from integration.services.runs.configured_connection import rocketchat_address


@dataclass(frozen=True, slots=True)
class ExternalLinks:
    """Builds addresses; "" where the place is not known."""

    moodle: str
    rocketchat: str

    def moodle_user(self, number: int) -> str:
        return self._moodle(f"user/profile.php?id={number}")

    def moodle_course(self, number: int) -> str:
        return self._moodle(f"course/view.php?id={number}")

    def moodle_groups(self, course: int) -> str:
        return self._moodle(f"group/index.php?id={course}")

    def moodle_participants(self, course: int) -> str:
        return self._moodle(f"user/index.php?id={course}")

    def moodle_group(self, course: int, number: int) -> str:
        if number < 0:  # a whole course
            return self.moodle_participants(course)
        return self._moodle(f"group/members.php?group={number}") if course else ""

    def edit_user(self, number: int) -> str:
        return self._moodle(f"user/editadvanced.php?id={number}")

    def edit_group(self, course: int, number: int) -> str:
        if number < 0:
            return self._moodle(f"course/edit.php?id={course}")
        return self._moodle(f"group/group.php?courseid={course}&id={number}") if course else ""

    def account(self, account_id: str) -> str:
        return self._rocketchat(f"admin/users/info/{quote(account_id)}")

    def room(self, room_id: str) -> str:
        return self._rocketchat(f"admin/rooms/edit/{quote(room_id)}")

    def _moodle(self, path: str) -> str:
        return f"{self.moodle}/{path}" if self.moodle else ""

    def _rocketchat(self, path: str) -> str:
        return f"{self.rocketchat}/{path}" if self.rocketchat else ""


def places() -> ExternalLinks:
    """Of the settings only the addresses are read, so that a secret that cannot be decrypted is
    no matter.
    """
    moodle = IntegrationSettings.objects.values_list("moodle_url", flat=True).first() or ""
    return ExternalLinks(moodle.rstrip("/"), rocketchat_address())


@dataclass(frozen=True, slots=True)
class StopManagingImpact:
    """What "stop managing" is about: courses, their channels, and people in them."""

    courses: int
    channels: int
    memberships: int


def impact_of(course_ids: list[int]) -> StopManagingImpact:
    """`course_ids` are Moodle's."""
    channels = ChannelLink.objects.filter(moodle_course_id__in=course_ids)
    return StopManagingImpact(
        len(course_ids),
        channels.count(),
        sum(channel.memberships.count() for channel in channels.only("pk")[:500]),
    )


def stop_managing_courses(course_ids: list[int], *, forget_channels: bool) -> None:
    """Nothing is sent to Rocket.Chat: channels and the people in them stay as they are.

    No integrated category takes these courses in again.
    """
    with transaction.atomic():
        category_joins.leave_out(course_ids)
        if forget_channels:
            ChannelLink.objects.filter(moodle_course_id__in=course_ids).delete()
        IntegratedCourse.objects.filter(course_id__in=course_ids).delete()


def stop_managing_channels(keys: list[int]) -> int:
    return ChannelLink.objects.filter(pk__in=keys).delete()[1].get("integration.ChannelLink", 0)


def stop_managing_accounts(keys: list[int]) -> int:
    return AccountLink.objects.filter(pk__in=keys).delete()[1].get("integration.AccountLink", 0)
