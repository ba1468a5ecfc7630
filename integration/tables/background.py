"""Background work: claims, events, workers, and what people were told."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integration.fields import MessageField, SecretField


class AccountClaim(models.Model):
    """Somebody is making the account of this person at this moment."""

    moodle_user_id = models.BigIntegerField(unique=True)
    owner = models.CharField(max_length=200)
    expires = models.DateTimeField()

    class Meta:
        verbose_name = _("account being created")
        verbose_name_plural = _("accounts being created")

    def __str__(self) -> str:
        return f"{self.moodle_user_id}: {self.owner}"


class EventCursor(models.Model):
    """How far Moodle's log and clock were read: one row, held by one poller at a time."""

    id = models.PositiveSmallIntegerField(primary_key=True, editable=False)
    last_id = models.BigIntegerField(_("last row of the log"), null=True)
    window = models.JSONField(_("rows read recently"), default=dict)  # events.log_window
    clock = models.BigIntegerField(_("clock read up to"), null=True)  # unix seconds, as Moodle's
    next_turn = models.BigIntegerField(null=True)  # when the next enrolment begins or ends
    watermark = models.BigIntegerField(null=True)  # where the log is off: unix seconds
    polled_at = models.DateTimeField(_("last read"), null=True)
    rows_read = models.PositiveBigIntegerField(_("rows read"), default=0)
    problem = MessageField(_("problem"), blank=True)
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


class KeptLogin(models.Model):
    """The log-in that the runs of a worker share, for one server and one username alone."""

    worker = models.CharField(max_length=150, unique=True)  # WorkerBeat.name
    server = models.CharField(max_length=300)  # domain.addresses.origin
    username = models.CharField(max_length=100)
    user_id = models.CharField(max_length=64)
    token = SecretField()
    kept_at = models.DateTimeField()

    class Meta:
        verbose_name = _("kept log-in")
        verbose_name_plural = _("kept log-ins")

    def __str__(self) -> str:
        return self.worker


class PassReading(models.Model):
    """The lists of Rocket.Chat that the parts of a pass share for some minutes."""

    of_pass = models.OneToOneField("SyncRun", models.CASCADE, related_name="+")
    reader = models.ForeignKey("SyncRun", models.CASCADE, related_name="+")
    fingerprint = models.CharField(max_length=64)  # of the server, who asked, and the format
    began_at = models.DateTimeField()
    pieces = models.PositiveIntegerField(null=True)  # null: `reader` is at it
    # Only these runs can have changed anything since: newer ones, and those that were not over.
    last_run = models.BigIntegerField()
    open_runs = models.JSONField(default=list)

    class Meta:
        verbose_name = _("lists of a pass")
        verbose_name_plural = _("lists of passes")

    def __str__(self) -> str:
        return str(self.of_pass_id)


class PassReadingPiece(models.Model):
    """Some rows of a `PassReading`: text of domain.remote_lists, compressed."""

    reading = models.ForeignKey(PassReading, models.CASCADE, related_name="texts")
    packed = models.BinaryField()

    class Meta:
        verbose_name = _("piece of the lists of a pass")
        verbose_name_plural = _("pieces of the lists of a pass")

    def __str__(self) -> str:
        return str(self.pk)


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
