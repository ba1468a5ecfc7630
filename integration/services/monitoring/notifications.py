"""Tells people when the sync keeps failing, when nothing succeeds, and when all is well again.

One message for one change of state: the row is written before the message is sent, by
compare-and-set, so that of several machines one sends. Only where no way worked at all is the row
put back, and the next minute tries again.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.core.mail import send_mail
from django.utils import timezone
from django.utils.translation import gettext as _

from integration.domain.errors import ConfigurationError, SyncError
from integration.domain.messages import msg
from integration.models import IntegratedCourse, IntegrationSettings, Notice, SyncRun
from integration.services.ledger.past_runs import was_rejected
from integration.services.monitoring import digest
from integration.services.monitoring.status import first_run, last_good
from integration.services.rocketchat import connect
from integration.services.runs.configured_connection import rocketchat_connection
from integration.services.sync.guard import are_about_renames, is_about_server
from integration.translation import day_and_time, local

logger = logging.getLogger(__name__)

BAD = (
    SyncRun.Status.FAILED,
    SyncRun.Status.ERROR,
    SyncRun.Status.QUARANTINED,
    SyncRun.Status.REFUSED,
    SyncRun.Status.STOPPED,
    SyncRun.Status.INTERRUPTED,
)
SAVE_FIRST = msg("Enter it under Settings, Notification, and save; then test again.")
TRIED_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class State:
    """Whether a topic is bad now, and what there is to say about it."""

    bad: bool
    subject: str
    text: str


def check() -> list[str]:
    """Look at every topic; the answer names those about which a message went out."""
    settings = IntegrationSettings.load()
    topics: dict[str, Callable[[IntegrationSettings], State]] = {
        "runs": _runs,
        "success": _success,
        "quarantine": _quarantine,
    }
    told = [topic for topic, look in topics.items() if _tell(topic, look(settings), settings)]
    return [*told, digest.TOPIC] if digest.send_if_due(settings) else told


def _runs(settings: IntegrationSettings) -> State:
    """Bad when the last N runs all failed; well again with the first that did not.

    The run of an event that was tried so often, for minutes, counts as much.
    """
    if stuck := _tried_in_vain(settings.notify_after_failures):
        text = _("Run %(id)d was tried %(n)d times. %(message)s %(hint)s") % {
            "id": stuck.pk,
            "n": stuck.failed_tries,
            "message": local(stuck.message),
            "hint": local(stuck.hint),
        }
        return State(True, _("rcsync: runs keep failing"), text.strip())
    ended = SyncRun.objects.filter(
        kind=SyncRun.Kind.APPLY,
        parent=None,
        superseded=False,
        status__in=[*BAD, SyncRun.Status.DONE],
    ).exclude(status=SyncRun.Status.STOPPED, cancel_requested=True)
    last = list(ended.order_by("-finished_at", "-pk")[: settings.notify_after_failures])
    failed = [run for run in last if run.status in BAD]
    if not failed or len(failed) < len(last):
        return State(False, _("rcsync works again"), _("The last run succeeded."))
    bad = len(failed) >= settings.notify_after_failures
    run = failed[0]
    text = _("The last %(n)d runs failed. Run %(id)d: %(status)s. %(message)s %(hint)s") % {
        "n": len(failed),
        "id": run.pk,
        "status": run.get_status_display(),
        "message": local(run.message),
        "hint": local(run.hint),
    }
    return State(bad or _is_bad("runs"), _("rcsync: runs keep failing"), text.strip())


def _tried_in_vain(times: int) -> SyncRun | None:
    waiting = SyncRun.objects.filter(
        status__in=[SyncRun.Status.QUEUED, SyncRun.Status.RUNNING],
        failed_tries__gte=times,
        failing_since__lt=timezone.now() - TRIED_FOR,
    )
    return waiting.order_by("failing_since").first()


def _quarantine(_settings: IntegrationSettings) -> State:
    """Bad while removals or renames wait for a person; what was rejected is not told again."""
    waiting = [
        run
        for run in SyncRun.objects.filter(status=SyncRun.Status.QUARANTINED).order_by("-pk")[:20]
        if not was_rejected(run)
    ]
    if not waiting:
        text = _("Nothing is waiting for approval any more.")
        return State(False, _("rcsync: nothing is waiting"), text)
    run = waiting[0]
    if is_about_server(run.breaches):
        text = f"{local(run.message)} {local(run.hint)}"
        return State(True, _("rcsync: another Rocket.Chat workspace answers"), text)
    text = _("Run %(id)d: %(count)d operations are waiting for approval. %(message)s %(hint)s") % {
        "id": run.pk,
        "count": run.held_count,
        "message": local(run.message),
        "hint": local(run.hint),
    }
    title = _("rcsync: removals are waiting for approval")
    if are_about_renames(run.breaches):
        title = _("rcsync: renames of channels are waiting for approval")
    return State(True, title, text.strip())


def _success(settings: IntegrationSettings) -> State:
    """Bad when nothing went well for so long, although there is something to keep in step."""
    fine = State(
        False,
        _("rcsync works again after a long time"),
        _("A run succeeded after a long time without success."),
    )
    hours = settings.notify_after_hours
    if hours is None or not IntegratedCourse.objects.filter(background_sync=True).exists():
        return fine
    since = last_good() or first_run()
    if since is None or timezone.now() - since < timedelta(hours=hours):
        return fine
    text = _("No run has succeeded since %(since)s. Is the worker running? See ./rcsync status")
    return State(
        True,
        _("rcsync: nothing has succeeded for %(hours)d hours") % {"hours": hours},
        text % {"since": day_and_time(since)},
    )


def _is_bad(topic: str) -> bool:
    return Notice.objects.filter(topic=topic, bad=True).exists()


def _tell(topic: str, state: State, settings: IntegrationSettings) -> bool:
    Notice.objects.get_or_create(topic=topic)
    changed = Notice.objects.filter(topic=topic, bad=not state.bad).update(
        bad=state.bad, changed_at=timezone.now(), detail=state.text
    )
    if not changed:
        return False
    logger.warning("notice topic=%s bad=%s text=%s", topic, state.bad, state.text)
    if _send(state, settings):
        return True
    Notice.objects.filter(topic=topic, bad=state.bad).update(bad=not state.bad)
    return False


def _send(state: State, settings: IntegrationSettings) -> bool:
    """By every way that is set. False when there are ways and none worked."""
    ways: list[Callable[[State, IntegrationSettings], None]] = []
    if settings.notify_emails.split():
        ways.append(_mail)
    if settings.notify_room.strip():
        ways.append(_post)
    worked = [_worked(way, state, settings) for way in ways]
    return not worked or any(worked)


def _worked(
    way: Callable[[State, IntegrationSettings], None], state: State, settings: IntegrationSettings
) -> bool:
    try:
        way(state, settings)
    except (OSError, SyncError) as error:  # smtplib's errors are OSErrors
        logger.error("a notification could not be sent: %s", error)  # noqa: TRY400
        return False
    return True


def send_test_mail() -> list[str]:
    """To the addresses of the settings, which are returned; OSError or ConfigurationError where it
    cannot be sent. An answer of the mail server is no proof that it arrives.
    """
    settings = IntegrationSettings.load()
    addresses = settings.notify_emails.replace(",", " ").split()
    if not addresses:
        raise ConfigurationError(msg("No e-mail address is set."), hint=SAVE_FIRST)
    _mail(_test(), settings)
    return addresses


def send_test_message() -> str:
    """To the channel of the settings, which is returned; SyncError where it cannot be sent."""
    settings = IntegrationSettings.load()
    if not settings.notify_room.strip():
        raise ConfigurationError(msg("No channel is set."), hint=SAVE_FIRST)
    _post(_test(), settings)
    return settings.notify_room.strip()


def _test() -> State:
    text = _("This is a test. Messages about trouble will arrive here.")
    return State(False, _("rcsync: test"), text)


def _mail(state: State, settings: IntegrationSettings) -> None:
    send_mail(state.subject, state.text, None, settings.notify_emails.replace(",", " ").split())


def _post(state: State, settings: IntegrationSettings) -> None:
    body = {"channel": settings.notify_room.strip(), "text": f"*{state.subject}*\n{state.text}"}
    with connect(rocketchat_connection()) as remote:
        remote.client.post("chat.postMessage", body)
