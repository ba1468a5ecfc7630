"""What rcsync manages: accounts, channels, and who is in them."""

from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integration.domain.state import RoomRole
from integration.tables.choices import ENDINGS, ROOM_ROLES
from integration.tables.lookups import any_case


class AccountLink(models.Model):
    """One person: Moodle user id and Rocket.Chat user id, unique on both sides."""

    moodle_user_id = models.BigIntegerField(_("Moodle user id"), unique=True)
    rocketchat_user_id = models.CharField(_("Rocket.Chat user id"), max_length=64, unique=True)
    username = models.CharField(_("username"), max_length=255, db_index=True)
    created = models.BooleanField(
        _("created by rcsync"),
        default=False,
        help_text=_("Off: it existed before and was adopted."),
    )
    deactivated = models.BooleanField(
        _("deactivated by rcsync"),
        default=False,
        help_text=_("Only such an account is reactivated by rcsync."),
    )
    address_only = models.BooleanField(
        _("matched by its address alone"),
        default=False,
        help_text=_("The address of such an account is never changed by rcsync."),
    )
    # The mail to set a password: "" none, "due", "asked" (before the call, so at most once).
    password_mail = models.CharField(max_length=5, blank=True, default="", editable=False)
    linked_at = models.DateTimeField(_("linked"), auto_now_add=True)

    # What the link was made of (services/sync/identity.py). Null: not stored yet.
    moodle_timecreated = models.BigIntegerField(null=True, editable=False)
    moodle_username = models.CharField(max_length=100, blank=True, editable=False, db_index=True)
    moodle_email = models.CharField(max_length=100, blank=True, editable=False, db_index=True)
    moodle_idnumber = models.CharField(max_length=255, blank=True, editable=False)

    class Meta:
        ordering = ["username"]
        indexes = [  # the filters of the list, in its order
            models.Index(fields=["deactivated", "username"], name="account_by_deactivated"),
            models.Index(fields=["created", "username"], name="account_by_created"),
            # Asked for in any case: MySQL takes the plain index of the column, PostgreSQL this.
            models.Index(Upper("username"), name="account_by_username_any_case"),
            # Searched for by how they begin.
            models.Index(any_case("username"), name="account_by_username_begin"),
            models.Index(any_case("moodle_username"), name="account_by_moodle_name_begin"),
            models.Index(any_case("moodle_email"), name="account_by_email_begin"),
        ]
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.username


class ChannelLink(models.Model):
    """One group: Moodle group id and Rocket.Chat room id, unique on both sides."""

    moodle_group_id = models.BigIntegerField(_("Moodle group id"), unique=True)
    moodle_course_id = models.BigIntegerField(_("Moodle course id"), db_index=True)
    room_id = models.CharField(_("Rocket.Chat room id"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=255)
    topic = models.CharField(_("topic"), max_length=255, blank=True)
    description = models.CharField(_("description"), max_length=1000, blank=True, default="")
    announcement = models.CharField(_("announcement"), max_length=1000, blank=True, default="")
    created = models.BooleanField(
        _("created by rcsync"),
        default=False,
        help_text=_("Off: it existed before and was adopted."),
    )
    users_count = models.PositiveIntegerField(
        _("members when last read"),
        null=True,
        blank=True,
        help_text=_(
            "As counted by Rocket.Chat, including rcsync's own account. Empty: read "
            "again by the next run."
        ),
    )
    ended = models.CharField(
        _("ended"),
        max_length=10,
        blank=True,
        default="",
        choices=[("", _("In step")), *ENDINGS],
        help_text=_("What rcsync did when the group ended; undone when it returns."),
    )
    linked_at = models.DateTimeField(_("linked"), auto_now_add=True)

    # What the link was made of (services/sync/identity.py). Null: not stored yet.
    group_timecreated = models.BigIntegerField(null=True, editable=False)
    group_name = models.CharField(max_length=254, blank=True, editable=False)
    group_idnumber = models.CharField(max_length=100, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        indexes = [  # as those of the accounts
            models.Index(fields=["name"], name="channel_by_name"),
            models.Index(Upper("name"), name="channel_by_name_any_case"),
        ]

    def __str__(self) -> str:
        return self.name


class ManagedMembership(models.Model):
    """One person in one channel, as rcsync knows it. Only rows with `ours` are ever removed
    there.
    """

    channel = models.ForeignKey(
        ChannelLink, models.CASCADE, related_name="memberships", verbose_name=_("channel")
    )
    account = models.ForeignKey(
        AccountLink, models.CASCADE, related_name="memberships", verbose_name=_("account")
    )
    room_role = models.CharField(
        _("role in the channel"), max_length=10, choices=ROOM_ROLES, default=RoomRole.MEMBER
    )
    ours = models.BooleanField(
        _("added by rcsync"), default=True, help_text=_("Off: was added by hand and stays.")
    )
    missing = models.BooleanField(
        _("missing"),
        default=False,
        help_text=_(
            "The last list of members did not contain them; a second read has to confirm it."
        ),
    )

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "account"], name="a_person_is_in_a_channel_once"
            )
        ]
        indexes = [  # the filters of the list, in its order
            models.Index(fields=["room_role", "id"], name="membership_by_role"),
            models.Index(fields=["ours", "id"], name="membership_by_ours"),
        ]

    def __str__(self) -> str:
        return gettext("%(who)s in %(channel)s") % {"who": self.account, "channel": self.channel}
