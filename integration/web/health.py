"""The pages for machines: is the process there, does all work, figures, and the event door."""

import hmac
from dataclasses import asdict

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from prometheus_client import CONTENT_TYPE_LATEST

from integration.domain.addresses import is_within
from integration.domain.errors import SyncError
from integration.services.events import webhook
from integration.services.monitoring import status as conditions
from integration.services.monitoring.metrics import exposition
from integration.web.client_address import client_address

UNAVAILABLE = 503
SEE_RUNS = "integration.view_syncrun"
CLOSED = (
    "Figures are for who sends RCSYNC_METRICS_TOKEN (Authorization: Bearer ...), asks from one of "
    "RCSYNC_METRICS_NETWORKS, or is signed in.\n"
)
RETRY_SECONDS = "60"


@never_cache
@require_GET
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing is asked of anybody."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_GET
def readyz(request: HttpRequest) -> JsonResponse:
    """503 when database, Moodle, Rocket.Chat or worker fail. Why, only with the token."""
    now = conditions.health()
    told: dict[str, object] = {
        "ready": now.ready,
        "parts": {part.name: "ok" if part.ok else "failed" for part in now.parts},
        "heartbeat_age": now.numbers.heartbeat_age,
        "last_good_run_age": now.numbers.last_good_age,
        "backlog": now.numbers.queued,
    }
    if _may_see(request):
        told |= {
            "problems": {part.name: part.problem for part in now.parts if not part.ok},
            "warnings": list(now.warnings),
            "numbers": asdict(now.numbers),
        }
    return JsonResponse(told, status=200 if now.ready else UNAVAILABLE)


@never_cache
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text format."""
    if not _may_see(request):
        return HttpResponse(CLOSED, status=403, content_type="text/plain")
    figures = exposition(conditions.health())
    return HttpResponse(figures, content_type=CONTENT_TYPE_LATEST)


@csrf_exempt
@require_POST
def push(request: HttpRequest) -> HttpResponse:
    """The event door: 202 and nothing more. Without a secret there is no door."""
    if not settings.EVENT_SECRET:
        return HttpResponse(status=404)
    if int(request.headers.get("Content-Length") or 0) > webhook.MOST_BYTES:
        return JsonResponse({"error": "too large"}, status=413)
    try:
        runs = webhook.accept(
            settings.EVENT_SECRET,
            request.headers.get("X-Rcsync-Timestamp", ""),
            request.headers.get("X-Rcsync-Signature", ""),
            request.body,
        )
    except webhook.Refused as refused:
        return _refusal(refused)
    except SyncError:
        return JsonResponse({"error": "Moodle cannot be read now"}, status=UNAVAILABLE)
    return JsonResponse({"looks": len(runs)}, status=202)


def _refusal(refused: webhook.Refused) -> JsonResponse:
    answer = JsonResponse({"error": refused.reason}, status=refused.status)
    if refused.status == 429:
        answer["Retry-After"] = RETRY_SECONDS
    return answer


def _may_see(request: HttpRequest) -> bool:
    """Closed, but for who has the token, asks from a network that is listed, or is signed in.

    An address that is not known is in no network.
    """
    return (
        _has_token(request)
        or is_within(client_address(request), settings.METRICS_NETWORKS)
        or (request.user.is_staff and request.user.has_perm(SEE_RUNS))
    )


def _has_token(request: HttpRequest) -> bool:
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(given.encode(), wanted.encode())
