"""What happened: runs, their courses and their operations. History is append-only."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from integration.domain.outcomes import Result, RunCause
from integration.fields import MessageField, MessageJSONField


class SyncRun(models.Model):
    """One execution of the line: a preview, a sync or an audit. History is append-only."""

    class Kind(models.TextChoices):
        PREVIEW = "preview", _("Preview")
        APPLY = "apply", _("Sync")
        UNDO = "undo", _("Undo")
        FULL_CHECK = "full_check", _("Full check")

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
        OVERTAKEN = "overtaken", _("Superseded by a later run")
        ERROR = "error", _("Could not run")
        INTERRUPTED = "interrupted", _("Interrupted")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    trigger = models.CharField(_("trigger"), max_length=10, choices=Trigger.choices)
    actor = models.CharField(_("started by"), max_length=150, blank=True)
    status = models.CharField(
        _("status"), max_length=12, choices=Status.choices, default=Status.RUNNING, db_index=True
    )
    cause = models.CharField(
        max_length=10,
        choices=[(cause.value, cause.name) for cause in RunCause],
        blank=True,
        editable=False,
    )  # of one that could not do all of its work
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
    skips = MessageJSONField(_("left unchanged"), default=list)
    conflicts = MessageJSONField(_("conflicts found"), default=list)
    differences = MessageJSONField(
        default=list, editable=False
    )  # what it leaves different in its courses: [kind, count, reason]
    requests = models.JSONField(_("requests"), default=dict)
    message = MessageField(_("message"), blank=True)
    hint = MessageField(_("next step"), blank=True)

    # What waits for a person, and what was decided.
    breaches = MessageJSONField(_("limits passed"), default=list)
    taking = models.JSONField(
        default=dict, editable=False
    )  # of a part of a pass: what its plan takes away, by `Removal`
    held_count = models.PositiveIntegerField(_("waiting operations"), default=0)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision_reason = models.TextField(_("reason of the decision"), blank=True)
    approves = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="carried_out_by",
        verbose_name=_("carries out approved operations of"),
    )

    undoes = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="undone_by",
        verbose_name=_("undoes"),
    )
    chosen = models.JSONField(
        null=True, editable=False
    )  # positions of the operations to turn back, null = all

    pauses = models.BooleanField(default=False)  # its courses leave the automatic sync

    # What is needed to work on it later, in another process.
    full_check = models.BooleanField(_("reads every channel"), default=False)
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
        _("attempts"), default=0, help_text=_("0: not in the queue.")
    )
    not_before = models.DateTimeField(null=True, blank=True)
    # Of the run of events: how many told of its scope, and when the first did (event_window.py).
    event_count = models.PositiveIntegerField(default=0, editable=False)
    first_event_at = models.DateTimeField(null=True, editable=False)
    # Of the run of an event that could not be carried out (background/retries).
    failed_tries = models.PositiveIntegerField(_("failed attempts"), default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    woken_at = models.DateTimeField(null=True, blank=True)  # when a worker was last told of it
    # Of the log lines that belong to it: the request that started it, else run-N.
    request_id = models.CharField(_("request id"), max_length=64, blank=True, default="")
    worker = models.CharField(_("worker"), max_length=200, blank=True)
    superseded = models.BooleanField(
        default=False, help_text=_("It was interrupted; another run continues it.")
    )

    class Meta:
        ordering = ["-pk"]
        permissions = [
            ("approve_removals", gettext_noop("Can approve or reject removals that wait")),
            ("undo", gettext_noop("Can undo runs")),
        ]
        verbose_name = _("run")
        verbose_name_plural = _("runs")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class SyncRunCourse(models.Model):
    """One course of a run, with its own counts."""

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="courses")
    course = models.ForeignKey("IntegratedCourse", models.CASCADE, related_name="runs")
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
        LEFT_ALONE = Result.LEFT_ALONE.value, _("Left unchanged")
        HELD = "held", _("Waits for approval")

    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="operations")
    position = models.PositiveIntegerField(_("order"))
    kind = models.CharField(_("operation"), max_length=20)
    key = models.CharField(max_length=200, editable=False, default="")  # Operation.key
    status = models.CharField(
        _("result"), max_length=10, choices=Status.choices, default=Status.PLANNED
    )
    moodle_user_id = models.BigIntegerField(_("Moodle user id"), null=True, blank=True)
    moodle_group_id = models.BigIntegerField(_("Moodle group id"), null=True, blank=True)
    moodle_course_id = models.BigIntegerField(_("Moodle course id"), null=True, blank=True)
    description = MessageField(_("what"))
    reason = MessageField(_("why"))
    details = MessageJSONField(_("details"), default=dict)
    error = MessageField(_("error"), blank=True)
    hint = MessageField(_("next step"), blank=True)
    answer = models.TextField(_("Rocket.Chat's answer"), blank=True)
    in_doubt = models.BooleanField(
        _("effect unknown"),
        default=False,
        db_index=True,
        help_text=_("It failed, but may have taken effect. The next run checks."),
    )
    unconfirmed = models.BooleanField(
        _("not confirmed yet"),
        default=False,
        db_index=True,
        help_text=_("Rocket.Chat confirmed it, but no later read has shown it yet."),
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
        indexes = [
            # Looked for before every run, among all of the history.
            models.Index(fields=["kind", "finished_at"], name="operation_by_kind_and_time"),
            # The filters of a run's page, in the order of the page; the first one as above too.
            models.Index(fields=["status", "run", "position"], name="operation_by_status"),
            models.Index(fields=["run", "kind", "position"], name="operation_by_kind"),
            models.Index(
                fields=["run", "moodle_course_id", "position"], name="operation_by_course"
            ),
            # What was done to a person or a group, in all of the history.
            models.Index(fields=["moodle_user_id", "run"], name="operation_by_user"),
            models.Index(fields=["moodle_group_id", "run"], name="operation_by_group"),
        ]

    def __str__(self) -> str:
        return self.description
