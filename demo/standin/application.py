"""From a request to its reply: who calls, may they, and what does the endpoint answer."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from typing import Any

from demo.standin.dialects import (
    Dialect,
    in_words_of,
    invalid_query,
    login_required,
    permission_missing,
    wrong_method,
)
from demo.standin.errors import ApiError
from demo.standin.routes import (
    bans,
    bulk_import,
    licenses,
    members,
    messages,
    method,
    room_lists,
    rooms,
    session,
    site,
    teams,
    tokens,
    users,
)
from demo.standin.routes.routing import Answer, Route, Routes, split_tail
from demo.standin.routes.schemas import schema_for
from demo.standin.routes.site import PAGE_OF_THE_APP
from demo.standin.rules import documents, outside, two_factor
from demo.standin.state.world import ServerState
from demo.standin.stats import Stats
from demo.standin.web.call import TEXT, Call, Reply, Request
from demo.standin.web.faults import PAGE, Died, Faults, Hangup, suffer
from demo.standin.web.rate_limit import RateLimiter
from demo.standin.web.schema import check

logger = logging.getLogger(__name__)
PREFIX = "/api/v1/"

ROUTES = Routes.of(
    session.routes,
    tokens.routes,
    site.routes,
    messages.routes,
    users.routes,
    rooms.routes,
    room_lists.routes,
    members.routes,
    bans.routes,
    teams.routes,
    method.routes,
    bulk_import.routes,
    licenses.routes,
)


class Application:
    """Answers the API's requests out of one world."""

    def __init__(
        self, world: ServerState, *, latency_ms: float = 0, rate_limit: bool = False
    ) -> None:
        self.world = world
        self.latency_ms = latency_ms
        self.limiter = RateLimiter(enabled=rate_limit)
        self.faults = Faults()
        self.stats = Stats()

    def reply(self, request: Request) -> Reply:
        """The reply to any request outside `/_standin/`.

        Raises:
            Hangup, Died: a fault wants no reply.
        """
        if not request.path.startswith("/api/"):
            return Reply.html(PAGE_OF_THE_APP)
        name = endpoint_name(request.path)
        if self.latency_ms:
            time.sleep(self.latency_ms / 1000)
        try:
            reply = self._reply_or_fault(request, name)
        except (Hangup, Died):
            self.stats.count(request.method, name, 0)
            raise
        self.stats.count(request.method, name, reply.status)
        return reply

    def _reply_or_fault(self, request: Request, name: str) -> Reply:
        fault = self.faults.due(request.method, name)
        try:
            if fault is None:
                return self._api_reply(request, name)
            others = documents.others(self.world)
            return suffer(fault, lambda: self._api_reply(request, name), self.world, others)
        except ApiError as refusal:
            return _as_refusal(refusal)
        except (Hangup, Died):
            raise
        except Exception:
            logger.exception("method=%s endpoint=%s", request.method, name)
            return Reply.of({"success": False, "error": "Internal server error"}, 500)

    def _api_reply(self, request: Request, name: str) -> Reply:
        key, tail = split_tail(name)
        release = self.world.dialect.release
        route = ROUTES.find(request.method, key, release)
        if route is None:
            return self._no_such_endpoint(request, key)
        try:
            body = _parsed_body(self.world.dialect, request)
        except ValueError:
            return Reply.html(PAGE.format("Bad Request"), 400)
        call = Call(self.world, request, name, tail)
        if isinstance(body, dict):
            call.body = body
        else:
            call.odd_body = body
        try:
            with self.world.lock:
                self.world.let_in_due()
                reply = self._answered(call, route)
        except ApiError as refusal:
            reply = _as_refusal(in_words_of(self.world.dialect, refusal))
        self._wait_for_the_outside(call, reply)
        return replace(reply, headers=reply.headers + call.limit_headers)

    def _wait_for_the_outside(self, call: Call, reply: Reply) -> None:
        if self.world.options.outside_seconds:
            subject = str(call.body.get("username", ""))
            time.sleep(outside.wait(self.world, call.endpoint, reply.status, subject))

    def _no_such_endpoint(self, request: Request, key: str) -> Reply:
        dialect = self.world.dialect
        if dialect.unknown_endpoint == "text":
            return Reply(404, b"404 Not Found", TEXT)
        if known := ROUTES.methods(key, dialect.release):
            return _as_refusal(wrong_method(", ".join(known)))
        if request.method != "GET" and dialect.unknown_endpoint == "page-or-405":
            return Reply(405, b"", headers=(("Allow", "OPTIONS, GET, HEAD"),))
        return Reply.html(PAGE_OF_THE_APP)

    def _answered(self, call: Call, route: Route) -> Reply:
        self._identify(call, route)
        for step in call.dialect.checks:
            if step == "rate_limit":
                call.limit_headers = self.limiter.count(call)
            elif step == "schema":
                _check_schema(call, route)
            elif route.permission and not self.world.allowed(call.caller, route.permission):
                raise permission_missing(call.dialect)
        if route.two_factor:
            two_factor.demand(call)
        return _as_reply(call, route.action(call))

    def _identify(self, call: Call, route: Route) -> None:
        headers = call.request.headers
        user_id, text = headers.get("x-user-id", ""), headers.get("x-auth-token", "")
        token = self.world.token_of(user_id, text) if user_id and text else None
        if token is not None:
            call.token, call.user = token, self.world.users[user_id]
        elif route.login:
            raise login_required(call.dialect)


def endpoint_name(path: str) -> str:
    """`users.list` for /api/v1/users.list; paths outside v1 stay whole."""
    return path.removeprefix(PREFIX)


def _parsed_body(dialect: Dialect, request: Request) -> Any:
    """The JSON sent. Some servers ignore what is none, or is neither object nor list.

    Raises:
        ValueError: this server refuses it unread.
    """
    if not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        if dialect.malformed_body_is_refused:
            raise
        return {}
    if isinstance(body, (dict, list)) or dialect.at_least(8, 0):
        return body
    if dialect.malformed_body_is_refused:
        raise ValueError("neither object nor list")
    return {}


def _check_schema(call: Call, route: Route) -> None:
    if call.dialect.query_is_refused and {"query", "fields"} & call.request.query.keys():
        raise invalid_query()
    schema = schema_for(f"{route.method} {route.name}", call.dialect.release)
    if schema is None:
        return
    if schema.in_query:
        check(schema, {key: values[-1] for key, values in call.request.query.items()}, call.dialect)
    else:
        given = call.body if call.odd_body is None else call.odd_body
        call.body = check(schema, given, call.dialect)


def _as_refusal(refusal: ApiError) -> Reply:
    return Reply.of(refusal.body, refusal.status, refusal.headers)


def _as_reply(call: Call, answer: Answer) -> Reply:
    if isinstance(answer, Reply):
        return answer
    has_own_envelope = call.endpoint in ("login", "logout") and not call.dialect.long_envelope
    if not has_own_envelope:
        answer = answer | {"success": True}
    return Reply.of(answer)
