"""How the audit trail is filtered, and what an entry says of before and after."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q, QuerySet
from django.utils.translation import gettext, gettext_lazy

from integration.domain.errors import SyncError
from integration.domain.numbers import whole_number
from integration.domain.operations import ROLES, kinds
from integration.models import AuditEntry, IntegratedCourse
from integration.services.admin import account_search, link_lists, moodle_search
from integration.services.admin.audit_sentences import CHANGES
from integration.tables.querysets import AuditedModel
from integration.translation import local

Entries = QuerySet[AuditEntry]
MOST_PEOPLE = 200  # found in Moodle for one filter
MOST_SEARCHED = 50_000  # entries
MOST_SHOWN = 50  # values of a list

CONFLICTS = (
    "link_conflict",
    "ignore_conflict",
    "reopen_conflict",
    "confirm_identity",
    "let_go_of_link",
    "hand_over_account",
)
RUNS = ("undo", "approve", "reject", "pause", "resume")
UPKEEP = (
    "claim",
    "server_moved",
    "server_replaced",
    "forget_secrets",
    "forget_person",
    "prune_audit",
    "import_plugin",
    "put_there_by_the_plugin",
)
LABELS = {
    "name": gettext_lazy("name"),
    "topic": gettext_lazy("topic"),
    "description": gettext_lazy("description"),
    "announcement": gettext_lazy("announcement"),
    "private": gettext_lazy("private"),
    "members": gettext_lazy("members"),
    "username": gettext_lazy("username"),
    "email": gettext_lazy("e-mail"),
    "active": gettext_lazy("active"),
    "linked": gettext_lazy("managed by rcsync"),
    "role": gettext_lazy("role in the channel"),
    "read_only": gettext_lazy("read-only"),
    "archived": gettext_lazy("archived"),
    "account_id": gettext_lazy("Rocket.Chat user id"),
    "room_id": gettext_lazy("Rocket.Chat room id"),
    "in_rocketchat": gettext_lazy("in Rocket.Chat"),
    "linked_to": gettext_lazy("linked to"),
    "limits": gettext_lazy("limits passed"),
    "installation": gettext_lazy("installation"),
    "workspace": gettext_lazy("workspace"),
}


class Change(NamedTuple):
    """One line of before and after, in words; None where that side says nothing of it."""

    label: str
    before: str | None
    after: str | None


def of_kind(rows: Entries, kind: str) -> Entries:
    """`kind` is a group of actions, or one action."""
    groups = {"settings": settings_actions(), "conflicts": CONFLICTS, "runs": RUNS}
    groups["upkeep"] = UPKEEP
    return rows.filter(action__in=groups.get(kind, (kind,)))


def settings_actions() -> tuple[str, ...]:
    """What settings_audit calls changes of settings and of people with access."""
    models = [model for model in apps.get_models() if issubclass(model, AuditedModel)]
    names = [model._meta.model_name for model in (*models, get_user_model())]
    return tuple(f"{verb}_{name}"[:40] for verb in CHANGES for name in names)


def of_person(rows: Entries, text: str) -> Entries:
    """By whom or about whom: a name as Moodle has it, a username, an address, a Moodle id."""
    words = text.split()
    if not words:
        return rows
    by_whom = Q(actor__in={text.strip(), *_users_named(words)})
    return rows.filter(by_whom | Q(moodle_user_id__in=_people_named(words)))


def _people_named(words: Sequence[str]) -> set[int]:
    """Moodle ids of people who have every word in a name, username or address."""
    try:
        found = moodle_search.people_ids(words, MOST_PEOPLE)
    except SyncError:
        found = []
    accounts = account_search.called(words, MOST_PEOPLE)
    return {*found, *accounts.values_list("moodle_user_id", flat=True)}


def _users_named(words: Sequence[str]) -> set[str]:
    """Usernames of the people who may use rcsync and have every word in their names."""
    rows = get_user_model().objects.order_by()
    for word in words:
        rows = rows.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    return set(rows.values_list("username", flat=True)[:MOST_PEOPLE])


@dataclass(frozen=True, slots=True)
class Searched:
    """Entries in which every word was found, among the newest MOST_SEARCHED. `since` is when the
    oldest of those was written, None where there are no older ones.
    """

    rows: Entries
    since: datetime | None


def search(rows: Entries, text: str) -> Searched:
    """No index finds words within a text, so only the newest of the filtered entries are read."""
    newest, since = _newest(rows, MOST_SEARCHED)
    for word in text.split():
        newest = newest.filter(
            Q(subject__icontains=word) | Q(actor__icontains=word) | Q(reason__icontains=word)
        )
    return Searched(newest, since)


def _newest(rows: Entries, number: int) -> tuple[Entries, datetime | None]:
    """The first `number` of them in the order of the list, and the moment of the last one."""
    older = rows.order_by("-at", "-pk").values_list("at", "pk")[number - 1 : number + 1]
    edge = list(older)
    if len(edge) < 2:
        return rows, None
    at, key = edge[0]
    return rows.filter(Q(at__gt=at) | Q(at=at, pk__gte=key), at__gte=at), at


def of_course(rows: Entries, text: str) -> Entries:
    """The Moodle id, or words of the name of an integrated course."""
    courses = IntegratedCourse.objects.filter(link_lists.is_called(text)).order_by()
    found = list(courses.values_list("course_id", flat=True)[:MOST_PEOPLE])
    if (number := whole_number(text.strip())) is not None:
        found.append(number)
    return rows.filter(moodle_course_id__in=found)


# --- before and after -----------------------------------------------------------------------------


def changes(entry: AuditEntry, *, with_names: bool) -> list[Change]:
    """In the order in which they are stored. Secrets are stored as set or not set, so nothing has
    to be hidden here; `with_names` shows members by name and not by Moodle id.
    """
    names = list(dict.fromkeys([*entry.before, *entry.after]))
    people = _people(entry) if with_names else {}
    return [
        Change(
            _label(entry, name),
            *(
                _shown(side[name], people, _choices(entry, name)) if name in side else None
                for side in (entry.before, entry.after)
            ),
        )
        for name in names
    ]


def _people(entry: AuditEntry) -> Mapping[Any, str]:
    """Names of the members that are shown, by Moodle id."""
    ids = {
        number
        for side in (entry.before, entry.after)
        for number in list(side.get("members") or ())[:MOST_SHOWN]
        if isinstance(number, int)
    }
    return {number: person.name for number, person in link_lists.people_named(ids).items()}


def _label(entry: AuditEntry, name: str) -> str:
    for field in _fields(entry.action, name):
        return str(getattr(field, "verbose_name", name))
    return str(LABELS.get(name, name.replace("_", " ")))


def _choices(entry: AuditEntry, name: str) -> Mapping[Any, str]:
    """What the values of a column are called, where they are a choice of few."""
    if name == "role" and entry.action in kinds():
        return {str(role): local(label) for role, label in ROLES.items()}
    for field in _fields(entry.action, name):
        return {value: str(label) for value, label in getattr(field, "flatchoices", ())}
    return {}


def _fields(action: str, name: str) -> Iterator[Any]:
    for model in _models(action):
        with suppress(FieldDoesNotExist):
            yield model._meta.get_field(name)


def _models(action: str) -> Iterator[type[Any]]:
    verb, _, name = action.partition("_")
    if verb in CHANGES:
        yield from (model for model in apps.get_models() if model._meta.model_name == name)


def _shown(value: Any, people: Mapping[Any, str], called: Mapping[Any, str]) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return _listed(value, people)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(one, people, {})}" for key, one in value.items()) or "–"
    if value in called:
        return called[value]
    return "–" if value in (None, "") else local(value if isinstance(value, str) else str(value))


def _listed(values: Collection[object], people: Mapping[Any, str]) -> str:
    shown = [people.get(one) or _shown(one, people, {}) for one in list(values)[:MOST_SHOWN]]
    text = ", ".join(shown) or "–"
    more = len(values) - MOST_SHOWN
    return gettext("%(some)s and %(n)d more") % {"some": text, "n": more} if more > 0 else text
