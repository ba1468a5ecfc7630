"""Our tables: what the administrator decided, what rcsync manages, and what happened.

The database keeps the invariants; every rule a reader could doubt is a constraint whose name reads
as the rule.
"""

from typing import Any

from croniter import croniter
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.fields import SecretField
from integration.models_safety import AuditEntry as AuditEntry  # noqa: PLC0414  # for others to import
from integration.models_safety import FailedLogin as FailedLogin  # noqa: PLC0414  # for others to import
from integration.models_safety import PendingEnding as PendingEnding  # noqa: PLC0414  # for others to import
from integration.models_safety import RemovalLimit as RemovalLimit  # noqa: PLC0414  # for others to import
from integration.services import patterns
from integration.services.conflicts import ConflictKind
from integration.services.errors import ConfigurationError
from integration.services.operations import LABELS
from integration.services.policy import AccountsFor, Deactivation, MissingAccounts
from integration.services.report import Result
from integration.services.state import Ending, RoomRole
from integration.watch import WatchedQuerySet


def check_cron(text: str) -> None:
    """Whether croniter, which reads the schedules, understands the five fields."""
    if not croniter.is_valid(text) or len(text.split()) != 5:
        raise ValidationError(
            _("This is no cron expression. Five fields are wanted, for example 30 2 * * *.")
        )


def _choices(enum: Any, **labels: Any) -> list[tuple[str, Any]]:
    """(value, label) for every member of a StrEnum; a member without a label is a TypeError at
    import.
    """
    return [(member.value, labels[member.value]) for member in enum]


# Any host name, also one without a dot, which Django's own URL field refuses.
web_address = RegexValidator(
    r"^https?://[^\s/?#@]+(/\S*)?$", _("Write an address such as https://chat.example.org")
)

ENDINGS = _choices(
    Ending,
    keep=_("Keep it as it is, no longer in step"),
    read_only=_("Make it read-only"),
    archive=_("Archive it"),
)
ROOM_ROLES = _choices(
    RoomRole,
    member=_("Member"),
    leader=_("Leader"),
    moderator=_("Moderator"),
    owner=_("Owner"),
)


class IntegrationSettings(models.Model):
    """The site's settings: exactly one row, fetched with `load()`."""

    # Always 1, and not counted up by the database: MariaDB takes no constraint on such a column.
    id = models.PositiveSmallIntegerField(primary_key=True, editable=False)

    # Connection. The environment wins over these (see services/settings.py).
    rocketchat_url = models.CharField(
        _("Rocket.Chat address"), max_length=255, blank=True, validators=[web_address]
    )
    rocketchat_user_id = models.CharField(_("user id"), max_length=64, blank=True)
    rocketchat_auth_token = SecretField(_("personal access token"), blank=True)
    rocketchat_username = models.CharField(_("username"), max_length=100, blank=True)
    rocketchat_password = SecretField(_("password"), blank=True)
    max_connections = models.PositiveSmallIntegerField(
        _("connections at once"),
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(32)],
        help_text=_("How many requests may be under way at the same time."),
    )
    max_requests_per_second = models.PositiveSmallIntegerField(
        _("requests per second"),
        null=True,
        blank=True,
        help_text=_("Leave empty for no limit of our own; Rocket.Chat's limits are always obeyed."),
    )
    bulk_import = models.BooleanField(
        _("bulk import of new accounts"),
        default=False,
        help_text=_(
            "Where a run makes more than 500 accounts, Rocket.Chat's own import makes them at once "
            "(6.3 and later, permission run-import). Their e-mail addresses stay unverified, and "
            "no other import may be under way. Whoever it leaves out is made one by one."
        ),
    )
    big_run = models.PositiveIntegerField(
        _("big run"),
        default=1000,
        validators=[MinValueValidator(1)],
        help_text=_(
            "From so many changes on, a run that nobody started waits for the quiet hours."
        ),
    )
    quiet_from = models.TimeField(
        _("quiet hours begin"),
        null=True,
        blank=True,
        help_text=_("Leave both empty to let big runs start at any time."),
    )
    quiet_until = models.TimeField(_("quiet hours end"), null=True, blank=True)

    moodle_url = models.CharField(
        _("Moodle address"),
        max_length=255,
        blank=True,
        validators=[web_address],
        help_text=_("Only for links from this admin to courses, groups and people in Moodle."),
    )

    # Channels.
    name_template = models.CharField(
        _("channel name"),
        max_length=200,
        default="{course}-{group}",
        help_text=_(
            "{course}, {course_fullname}, {course_id}, {group} and {group_id} are filled in. "
            "What Rocket.Chat does not accept in a name is spelled out or becomes a dash."
        ),
    )
    topic_template = models.CharField(
        _("channel topic"),
        max_length=200,
        blank=True,
        default="{group} · {course_fullname}",
        help_text=_("The same placeholders. Leave empty to leave topics alone."),
    )
    private_channels = models.BooleanField(
        _("private channels"),
        default=True,
        help_text=_("Off: new channels are public, everybody in Rocket.Chat can read them."),
    )
    empty_channels = models.BooleanField(
        _("channels for empty groups"),
        default=True,
        help_text=_("Off: a group gets its channel when it has its first member."),
    )
    hidden_member_lists = models.BooleanField(
        _("groups with hidden members"),
        default=False,
        help_text=_(
            "Also groups whose member list Moodle hides. A channel shows who is in it to all of "
            "them."
        ),
    )
    follow_renames = models.BooleanField(
        _("follow renames"), default=True, help_text=_("Channel names follow Moodle.")
    )
    adopt_channels = models.BooleanField(
        _("adopt channels of our account"),
        default=False,
        help_text=_(
            "A room that has the wanted name and was created by rcsync's own Rocket.Chat account "
            "is taken over."
        ),
    )

    # Accounts.
    accounts_for = models.CharField(
        _("accounts for"),
        max_length=20,
        default=AccountsFor.CHANNEL_MEMBERS,
        choices=_choices(
            AccountsFor,
            channel_members=_("People who are in at least one channel"),
            enrolled=_("Everybody enrolled with an included role"),
        ),
    )
    missing_accounts = models.CharField(
        _("missing accounts"),
        max_length=20,
        default=MissingAccounts.CREATE,
        choices=_choices(
            MissingAccounts,
            create=_("Create them"),
            link_only=_("Do not create any (LDAP or single sign-on does)"),
        ),
    )
    update_adopted_accounts = models.BooleanField(
        _("update adopted accounts"),
        default=False,
        help_text=_(
            "Name and e-mail of accounts that existed before rcsync follow Moodle too, not only "
            "of those it made."
        ),
    )
    deactivation = models.CharField(
        _("deactivate accounts"),
        max_length=20,
        default=Deactivation.ENROLMENT,
        choices=_choices(
            Deactivation,
            never=_("Never"),
            moodle_account=_("When Moodle suspends or deletes the person"),
            enrolment=_("Also when no integrated course has an active enrolment of the person"),
        ),
        help_text=_(
            "Only accounts that rcsync created. It reactivates what it deactivated as soon as "
            "the reason is gone."
        ),
    )
    deactivate_adopted = models.BooleanField(
        _("deactivate adopted accounts too"),
        default=False,
        help_text=_("Also accounts that existed before rcsync."),
    )
    respect_leavers = models.BooleanField(
        _("respect who leaves"),
        default=False,
        help_text=_("Do not add people back who left a channel by themselves."),
    )
    protected_usernames = models.TextField(
        _("protected accounts"),
        blank=True,
        help_text=_(
            "Rocket.Chat usernames, one per line: never removed or deactivated. "
            "Administrators, bots and rcsync's own account are always protected."
        ),
    )

    # Endings.
    on_group_deleted = models.CharField(
        _("group deleted"), max_length=10, choices=ENDINGS, default=Ending.ARCHIVE
    )
    on_pattern_unmatched = models.CharField(
        _("pattern no longer matches"), max_length=10, choices=ENDINGS, default=Ending.KEEP
    )
    on_course_hidden = models.CharField(
        _("course hidden"),
        max_length=10,
        blank=True,
        default="",
        choices=[("", _("Go on as before")), *ENDINGS],
    )
    on_course_deleted = models.CharField(
        _("course deleted"), max_length=10, choices=ENDINGS, default=Ending.ARCHIVE
    )

    on_course_ended = models.CharField(
        _("course ended"),
        max_length=10,
        blank=True,
        default="",
        choices=[("", _("Go on as before")), *ENDINGS],
    )
    on_category_hidden = models.CharField(
        _("category hidden"),
        max_length=10,
        blank=True,
        default="",
        choices=[("", _("Go on as before")), *ENDINGS],
    )
    on_course_removed = models.CharField(
        _("course no longer integrated"), max_length=10, choices=ENDINGS, default=Ending.KEEP
    )
    remove_suspended = models.BooleanField(
        _("remove suspended people from channels"),
        default=True,
        help_text=_(
            "Moodle suspended the person, or lets the person not log in. Off: the membership stays."
        ),
    )
    remove_deleted = models.BooleanField(
        _("remove deleted people from channels"),
        default=True,
        help_text=_("Off: who is deleted in Moodle stays in the channels."),
    )
    remove_unenrolled = models.BooleanField(
        _("remove unenrolled people from channels"),
        default=True,
        help_text=_("No enrolment in the course counts any more. Off: the membership stays."),
    )
    remove_without_role = models.BooleanField(
        _("remove people who lost the role"),
        default=True,
        help_text=_("The person holds no included role any more. Off: the membership stays."),
    )
    deactivate_suspended = models.BooleanField(
        _("deactivate suspended people"),
        default=True,
        help_text=_("Where accounts are deactivated at all. Off: the account stays active."),
    )
    deactivate_deleted = models.BooleanField(
        _("deactivate deleted people"),
        default=True,
        help_text=_("Where accounts are deactivated at all. Off: the account stays active."),
    )
    grace_members = models.PositiveSmallIntegerField(
        _("days of grace for members"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_("So long somebody stays in a channel after the reason is gone. 0: at once."),
    )
    grace_accounts = models.PositiveSmallIntegerField(
        _("days of grace for accounts"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_("So long an account stays active after the reason is gone. 0: at once."),
    )
    grace_channels = models.PositiveSmallIntegerField(
        _("days of grace for channels"),
        default=0,
        validators=[MaxValueValidator(365)],
        help_text=_("So long a channel goes on after its reason is gone. 0: at once."),
    )

    # Safety.
    limit_percent = models.PositiveSmallIntegerField(
        _("limit in percent"),
        default=30,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "A run that would take away more than this share of the memberships, accounts or "
            "channels is refused."
        ),
    )
    limit_from = models.PositiveIntegerField(
        _("limit from"),
        default=5,
        validators=[MinValueValidator(1)],
        help_text=_("Fewer than this are never refused."),
    )
    additions_go_on = models.BooleanField(
        _("additions go on"),
        default=False,
        help_text=_(
            "While removals wait for approval, new accounts, channels and members are made."
        ),
    )
    shrink_percent = models.PositiveSmallIntegerField(
        _("Moodle may shrink by percent"),
        default=50,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "If Moodle tells of so much less than at the last good run, it is not believed and "
            "the run waits."
        ),
    )
    shrink_from = models.PositiveIntegerField(
        _("Moodle may shrink from"),
        default=20,
        validators=[MinValueValidator(1)],
        help_text=_("Fewer rows than this at the last good run are not compared."),
    )
    audit_days = models.PositiveIntegerField(
        _("keep the audit trail for … days"),
        null=True,
        blank=True,
        default=None,
        validators=[MinValueValidator(1)],
        help_text=_("Older entries are deleted. Leave empty to keep all."),
    )
    digest = models.CharField(
        _("digest of failures by mail"),
        max_length=10,
        default="off",
        choices=[("off", _("Never")), ("daily", _("Daily")), ("change", _("When they change"))],
        help_text=_("Goes to the addresses of the notifications."),
    )

    # Background work.
    full_pass_minutes = models.PositiveIntegerField(
        _("full pass every … minutes"),
        null=True,
        blank=True,
        default=60,
        validators=[MinValueValidator(5), MaxValueValidator(10080)],
        help_text=_("Every course with background sync is looked at. Leave empty for none."),
    )
    full_pass_cron = models.CharField(
        _("full pass at"),
        max_length=100,
        blank=True,
        default="",
        validators=[check_cron],
        help_text=_("A cron expression, in place of the minutes: 0 */2 * * * is every two hours."),
    )
    audit_cron = models.CharField(
        _("audit at"),
        max_length=100,
        blank=True,
        default="30 2 * * *",
        validators=[check_cron],
        help_text=_(
            "A cron expression. A full pass that reads the members of every channel and so finds "
            "what was changed by hand in Rocket.Chat. Leave empty for none."
        ),
    )
    history_days = models.PositiveSmallIntegerField(
        _("keep history for … days"),
        null=True,
        blank=True,
        default=90,
        validators=[MinValueValidator(1)],
        help_text=_("Older runs and their operations are deleted. Leave empty to keep all."),
    )
    event_polling = models.BooleanField(
        _("watch Moodle's events"),
        default=True,
        help_text=_("The worker reads Moodle's log and looks again at what changed."),
    )
    event_seconds = models.PositiveSmallIntegerField(
        _("look at events every … seconds"),
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(300)],
    )

    # Notification.
    notify_emails = models.TextField(
        _("e-mail addresses"),
        blank=True,
        help_text=_(
            "Who is told when the sync keeps failing, and when all is well again. One per line."
        ),
    )
    notify_room = models.CharField(
        _("Rocket.Chat channel"),
        max_length=255,
        blank=True,
        help_text=_("Messages are also posted here: #name of a channel, or @username."),
    )
    notify_after_failures = models.PositiveSmallIntegerField(
        _("after … failed runs in a row"), default=3, validators=[MinValueValidator(1)]
    )
    notify_after_hours = models.PositiveSmallIntegerField(
        _("after … hours without success"),
        null=True,
        blank=True,
        default=24,
        validators=[MinValueValidator(1)],
        help_text=_("Leave empty not to watch this."),
    )

    server_facts = models.JSONField(default=dict, editable=False)  # services/facts.py

    objects = WatchedQuerySet.as_manager()

    class Meta:
        verbose_name = _("settings")
        verbose_name_plural = _("settings")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="integration_settings_is_one_row"),
        ]

    def __str__(self) -> str:
        return str(_("Settings"))

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def load(cls) -> "IntegrationSettings":
        """The one row, made with its defaults when there is none yet."""
        return cls.objects.get_or_create(pk=1)[0]


class GroupRegexFilter(models.Model):
    """One include or exclude pattern for group names. No enabled include pattern means no
    groups.
    """

    class Kind(models.TextChoices):
        INCLUDE = "include", _("Include")
        EXCLUDE = "exclude", _("Exclude")

    pattern = models.CharField(
        _("pattern"),
        max_length=patterns.MAX_LENGTH,
        help_text=_(
            "A regular expression, searched anywhere in the group name; ^ and $ tie it to the "
            "ends. "
            "/…/i as in the Moodle plugin local_rocketchat works too. Exclude wins over include."
        ),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.INCLUDE)
    enabled = models.BooleanField(_("enabled"), default=True)
    position = models.PositiveSmallIntegerField(_("order"), default=0)

    objects = WatchedQuerySet.as_manager()

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = _("group pattern")
        verbose_name_plural = _("group patterns")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pattern}"

    def clean(self) -> None:
        try:
            patterns.check(self.pattern)
        except ConfigurationError as error:
            raise ValidationError({"pattern": str(error)}) from None


class IncludedRole(models.Model):
    """One Moodle role whose holders are synced. No enabled role means nobody."""

    role_id = models.BigIntegerField(
        _("Moodle role id"), null=True, blank=True, unique=True, help_text=_("mdl_role.id")
    )
    shortname = models.CharField(
        _("short name"),
        max_length=100,
        blank=True,
        help_text=_("Used to find the role when no id is given, for example student."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)
    room_role = models.CharField(
        _("role in the channel"), max_length=10, choices=ROOM_ROLES, default=RoomRole.MEMBER
    )

    objects = WatchedQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        verbose_name = _("included role")
        verbose_name_plural = _("included roles")
        constraints = [
            models.CheckConstraint(
                condition=Q(role_id__isnull=False) | ~Q(shortname=""),
                name="included_role_has_an_id_or_a_shortname",
                violation_error_message=_("Give the role's id or its short name."),
            )
        ]

    def __str__(self) -> str:
        return self.shortname or str(self.role_id)


class IntegratedCourse(models.Model):
    """One Moodle course that takes part. The lease lets one run at a time work on it."""

    class Status(models.TextChoices):
        NEVER = "never", _("Not synced yet")
        IN_STEP = "in_step", _("In step")
        FAILING = "failing", _("Failing")

    course_id = models.BigIntegerField(_("Moodle course id"), unique=True)
    shortname = models.CharField(_("short name"), max_length=255, blank=True, editable=False)
    fullname = models.CharField(_("full name"), max_length=1333, blank=True, editable=False)
    background_sync = models.BooleanField(
        _("background sync"), default=True, help_text=_("Takes part in scheduled runs.")
    )
    event_sync = models.BooleanField(
        _("event sync"),
        default=False,
        help_text=_("Is looked at again when something changes in Moodle."),
    )
    pending_sync = models.BooleanField(
        _("pending"),
        default=False,
        help_text=_("Is to be synced at the next pass. Only success clears it."),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.NEVER, editable=False
    )
    last_run = models.ForeignKey(
        "SyncRun", models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    last_size = models.JSONField(
        null=True, editable=False
    )  # services/sizes.py, at the last good run
    last_success = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    lease_owner = models.CharField(max_length=100, blank=True, editable=False)
    lease_expires = models.DateTimeField(null=True, blank=True, editable=False)
    lease_token = models.PositiveBigIntegerField(default=0, editable=False)

    objects = WatchedQuerySet.as_manager()

    class Meta:
        ordering = ["shortname", "course_id"]
        verbose_name = _("integrated course")
        verbose_name_plural = _("integrated courses")
        permissions = [("sync", "Can sync and preview courses")]

    def __str__(self) -> str:
        return self.shortname or f"{_('Course')} {self.course_id}"


class AccountLink(models.Model):
    """One person: Moodle user id and Rocket.Chat user id, unique on both sides."""

    moodle_user_id = models.BigIntegerField(_("Moodle user id"), unique=True)
    rocketchat_user_id = models.CharField(_("Rocket.Chat user id"), max_length=64, unique=True)
    username = models.CharField(_("username"), max_length=255)
    created = models.BooleanField(
        _("made by rcsync"), default=False, help_text=_("Off: it existed before and was adopted.")
    )
    deactivated = models.BooleanField(
        _("deactivated by rcsync"),
        default=False,
        help_text=_("Only such an account is reactivated by rcsync."),
    )
    linked_at = models.DateTimeField(_("linked"), auto_now_add=True)

    class Meta:
        ordering = ["username"]
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
    created = models.BooleanField(
        _("made by rcsync"), default=False, help_text=_("Off: it existed before and was adopted.")
    )
    users_count = models.PositiveIntegerField(
        _("members at the last look"),
        null=True,
        blank=True,
        help_text=_(
            "As Rocket.Chat counts, rcsync's own account included. Empty: to be read again."
        ),
    )
    ended = models.CharField(
        _("ended"),
        max_length=10,
        blank=True,
        default="",
        choices=[("", _("In step")), *ENDINGS],
        help_text=_("What rcsync did when the group went away; taken back when it returns."),
    )
    linked_at = models.DateTimeField(_("linked"), auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.name


class ManagedMembership(models.Model):
    """One person in one channel, as rcsync knows it. Only rows with `ours` are ever removed
    there.
    """

    channel = models.ForeignKey(ChannelLink, models.CASCADE, related_name="memberships")
    account = models.ForeignKey(AccountLink, models.CASCADE, related_name="memberships")
    room_role = models.CharField(
        _("role in the channel"), max_length=10, choices=ROOM_ROLES, default=RoomRole.MEMBER
    )
    ours = models.BooleanField(
        _("added by rcsync"), default=True, help_text=_("Off: was added by hand and stays.")
    )

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["channel", "account"], name="a_person_is_in_a_channel_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} in {self.channel}"


class SyncRun(models.Model):
    """One execution of the line: a preview, a sync or an audit. History is append-only."""

    class Kind(models.TextChoices):
        PREVIEW = "preview", _("Preview")
        APPLY = "apply", _("Sync")
        UNDO = "undo", _("Undo")
        AUDIT = "audit", _("Audit")

    class Trigger(models.TextChoices):
        ADMIN = "admin", _("Admin")
        COMMAND = "command", _("Command line")
        SCHEDULE = "schedule", _("Schedule")
        EVENT = "event", _("Moodle event")

    class Status(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        PLANNED = "planned", _("Planned")
        DONE = "done", _("Done")
        FAILED = "failed", _("Done with failures")
        STOPPED = "stopped", _("Stopped")
        QUARANTINED = "quarantined", _("Waits for approval")
        APPROVED = "approved", _("Approved")
        REFUSED = "refused", _("Rejected")
        OVERTAKEN = "overtaken", _("Overtaken by a later run")
        ERROR = "error", _("Could not run")
        INTERRUPTED = "interrupted", _("Interrupted")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger.choices)
    actor = models.CharField(_("started by"), max_length=150, blank=True)
    status = models.CharField(
        _("status"), max_length=12, choices=Status.choices, default=Status.RUNNING, db_index=True
    )
    started_at = models.DateTimeField(_("started"), auto_now_add=True, db_index=True)
    alive_at = models.DateTimeField(_("last sign of life"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    digest = models.CharField(_("digest of the plan"), max_length=64, blank=True)
    forced = models.BooleanField(_("limits passed on purpose"), default=False)
    cancel_requested = models.BooleanField(default=False)
    scope = models.JSONField(
        _("scope"), default=dict, help_text=_("Moodle ids of courses and users; null means all.")
    )
    planned = models.JSONField(_("planned"), default=dict)
    applied = models.JSONField(_("done"), default=dict)
    done_count = models.PositiveIntegerField(_("finished operations"), default=0)
    failed_count = models.PositiveIntegerField(_("failures"), default=0)
    conflict_count = models.PositiveIntegerField(_("conflicts"), default=0)
    skips = models.JSONField(_("left alone"), default=list)
    conflicts = models.JSONField(_("conflicts found"), default=list)
    requests = models.JSONField(_("requests"), default=dict)
    message = models.TextField(_("message"), blank=True)
    hint = models.TextField(_("next step"), blank=True)

    # What waits for a person, and what was decided.
    breaches = models.JSONField(_("limits passed"), default=list)
    held_count = models.PositiveIntegerField(_("operations that wait"), default=0)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision_reason = models.TextField(_("reason of the decision"), blank=True)
    approves = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="carried_out_by",
        verbose_name=_("carries out the approved"),
    )

    undoes = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="undone_by",
        verbose_name=_("turns back"),
    )
    chosen = models.JSONField(
        null=True, editable=False
    )  # positions of the operations to turn back, null = all

    # What is needed to work on it later, in another process.
    audit = models.BooleanField(_("reads every channel"), default=False)
    keep_plan = models.BooleanField(default=False)
    expect_digest = models.CharField(max_length=64, blank=True)
    parent = models.ForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="parts",
        verbose_name=_("part of"),
    )
    attempts = models.PositiveSmallIntegerField(
        _("attempts"), default=0, help_text=_("0: it does not go through the queue.")
    )
    not_before = models.DateTimeField(null=True, blank=True)
    woken_at = models.DateTimeField(null=True, blank=True)  # when a worker was last told of it
    worker = models.CharField(_("worked on by"), max_length=200, blank=True)
    superseded = models.BooleanField(
        default=False, help_text=_("It was cut off, and another run goes on with it.")
    )

    class Meta:
        ordering = ["-pk"]
        permissions = [
            ("approve_removals", "Can approve or reject removals that wait"),
            ("undo", "Can undo runs"),
        ]
        verbose_name = _("run")
        verbose_name_plural = _("runs")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class SyncRunCourse(models.Model):
    """One course of a run, with its own counts."""

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="courses")
    course = models.ForeignKey(IntegratedCourse, models.CASCADE, related_name="runs")
    planned_count = models.PositiveIntegerField(_("planned"), default=0)
    applied_count = models.PositiveIntegerField(_("done"), default=0)
    failed_count = models.PositiveIntegerField(_("failures"), default=0)

    class Meta:
        verbose_name = _("course of a run")
        verbose_name_plural = _("courses of a run")
        constraints = [
            models.UniqueConstraint(fields=["run", "course"], name="a_course_is_in_a_run_once")
        ]

    def __str__(self) -> str:
        return f"{self.course} in {self.run}"


class SyncOperation(models.Model):
    """One operation of a run: what was to be done and why, and what came of it."""

    class Status(models.TextChoices):
        PLANNED = "planned", _("Planned")
        STARTED = "started", _("Started")
        DONE = Result.DONE.value, _("Done")
        FAILED = Result.FAILED.value, _("Failed")
        SKIPPED = Result.SKIPPED.value, _("Skipped")
        NOT_TRIED = Result.NOT_TRIED.value, _("Not tried")
        HELD = "held", _("Waits for approval")

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="operations")
    position = models.PositiveIntegerField(_("order"))
    kind = models.CharField(
        _("operation"), max_length=20, choices=[(kind, label) for kind, label in LABELS.items()]
    )
    status = models.CharField(
        _("result"), max_length=10, choices=Status.choices, default=Status.PLANNED
    )
    moodle_user_id = models.BigIntegerField(_("Moodle user id"), null=True, blank=True)
    moodle_group_id = models.BigIntegerField(_("Moodle group id"), null=True, blank=True)
    moodle_course_id = models.BigIntegerField(_("Moodle course id"), null=True, blank=True)
    description = models.TextField(_("what"))
    reason = models.TextField(_("why"))
    details = models.JSONField(_("details"), default=dict)
    error = models.TextField(_("error"), blank=True)
    hint = models.TextField(_("next step"), blank=True)
    answer = models.TextField(_("Rocket.Chat's answer"), blank=True)
    in_doubt = models.BooleanField(
        _("effect unknown"),
        default=False,
        db_index=True,
        help_text=_("It failed, but may have had its effect. The next run looks and settles it."),
    )
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ["run", "position"]
        verbose_name = _("operation")
        verbose_name_plural = _("operations")
        constraints = [
            models.UniqueConstraint(
                fields=["run", "position"], name="a_position_in_a_run_is_taken_once"
            )
        ]
        indexes = [  # all are looked for before every run, among all of the history
            models.Index(fields=["status", "run"], name="operation_by_status_and_run"),
            models.Index(fields=["kind", "finished_at"], name="operation_by_kind_and_time"),
            models.Index(fields=["in_doubt"], name="operation_in_doubt"),
        ]

    def __str__(self) -> str:
        return self.description


class Conflict(models.Model):
    """Something a person must decide. One row per kind and Moodle id; solved ones stay as
    history.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        IGNORED = "ignored", _("Ignored")
        SOLVED = "solved", _("Solved")

    kind = models.CharField(
        _("kind"),
        max_length=20,
        choices=_choices(
            ConflictKind,
            email_missing=_("No e-mail address"),
            email_shared=_("E-mail shared by several people"),
            email_taken=_("E-mail taken"),
            username_taken=_("Username taken"),
            account_inactive=_("Account deactivated by somebody else"),
            channel_name_taken=_("Channel name taken"),
        ),
    )
    moodle_user_id = models.BigIntegerField(_("Moodle user id"), null=True, blank=True)
    moodle_group_id = models.BigIntegerField(_("Moodle group id"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.OPEN, db_index=True
    )
    moodle_side = models.TextField(_("in Moodle"))
    rocketchat_side = models.TextField(_("in Rocket.Chat"), blank=True)
    remote_id = models.CharField(_("Rocket.Chat id"), max_length=64, blank=True)
    advice = models.TextField(_("ways out"))
    first_seen = models.DateTimeField(_("first seen"), auto_now_add=True)
    last_seen = models.DateTimeField(_("last seen"))
    solved_at = models.DateTimeField(_("solved"), null=True, blank=True)

    class Meta:
        ordering = ["-last_seen", "pk"]
        verbose_name = _("conflict")
        verbose_name_plural = _("conflicts")
        constraints = [
            models.CheckConstraint(
                condition=Q(moodle_user_id__isnull=True) ^ Q(moodle_group_id__isnull=True),
                name="a_conflict_is_about_a_person_or_a_group",
            ),
            models.UniqueConstraint(
                fields=["kind", "moodle_user_id"], name="a_person_has_a_kind_of_conflict_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "moodle_group_id"], name="a_group_has_a_kind_of_conflict_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.moodle_side}"


# --- Background work ------------------------------------------------------------------------------


class AccountClaim(models.Model):
    """Somebody is making the account of this person at this moment."""

    moodle_user_id = models.BigIntegerField(unique=True)
    owner = models.CharField(max_length=200)
    expires = models.DateTimeField()

    class Meta:
        verbose_name = _("account in the making")
        verbose_name_plural = _("accounts in the making")

    def __str__(self) -> str:
        return f"{self.moodle_user_id}: {self.owner}"


class EventCursor(models.Model):
    """How far Moodle's log and clock were read: one row, held by one poller at a time."""

    id = models.PositiveSmallIntegerField(primary_key=True, editable=False)
    last_id = models.BigIntegerField(_("last row of the log"), null=True)
    gaps = models.JSONField(_("rows that may still come"), default=list)  # [first, last, since]
    clock = models.BigIntegerField(_("clock read up to"), null=True)  # unix seconds, as Moodle's
    next_turn = models.BigIntegerField(null=True)  # when the next enrolment begins or ends
    watermark = models.BigIntegerField(null=True)  # where the log is off: unix seconds
    polled_at = models.DateTimeField(_("last look"), null=True)
    rows_read = models.PositiveBigIntegerField(_("rows read"), default=0)
    problem = models.TextField(_("problem"), blank=True)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_expires = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("event cursor")
        verbose_name_plural = _("event cursors")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="event_cursor_is_one_row"),
        ]

    def __str__(self) -> str:
        return str(self.last_id)


class PushedEvent(models.Model):
    """One call of the event door. A signature that was used is not accepted again."""

    signature = models.CharField(max_length=64, unique=True)
    received_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("pushed event")
        verbose_name_plural = _("pushed events")

    def __str__(self) -> str:
        return self.signature


class WorkerBeat(models.Model):
    """A cluster and when a task last went through it, from the queue to its end."""

    name = models.CharField(_("name"), max_length=150, unique=True)
    started_at = models.DateTimeField(_("started"))
    beat_at = models.DateTimeField(_("last sign of life"), null=True)
    restarts = models.PositiveIntegerField(_("restarts"), default=0)

    class Meta:
        ordering = ["name"]
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class Notice(models.Model):
    """What people were last told about a topic. A message goes out only when the state changes."""

    topic = models.CharField(max_length=20, unique=True)
    bad = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now_add=True)
    detail = models.TextField(blank=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")

    def __str__(self) -> str:
        return self.topic
