"""What a data protection officer asks for: everything about one person, and forgetting one."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from integration.domain import reasons
from integration.domain.errors import ConfigurationError
from integration.domain.forgetting import Names
from integration.domain.messages import msg
from integration.models import AccountLink
from integration.services.ledger import persons
from integration.services.moodle.persons import PersonInMoodle, person_in_moodle

NOT_READ = PersonInMoodle(present=True, names=frozenset())


@dataclass(frozen=True, slots=True)
class Person:
    """Whom it is about. `account`: the id in Rocket.Chat, "" where we know none."""

    user_id: int
    names: frozenset[str]
    in_moodle: bool
    account: str

    @property
    def called(self) -> Names:
        return Names(self.names, self.user_id, persons.words_of_ours())


def find(user_id: int, more_names: Collection[str] = (), *, ask_moodle: bool = True) -> Person:
    """Names come from Moodle, from our tables, and from whoever asks."""
    moodle = person_in_moodle(user_id) if ask_moodle else NOT_READ
    names = moodle.names | persons.known_names(user_id) | {name.strip() for name in more_names}
    links = AccountLink.objects.filter(moodle_user_id=user_id)
    account = links.values_list("rocketchat_user_id", flat=True).first() or ""
    return Person(user_id, frozenset(filter(None, names)), moodle.present, account)


def preview(person: Person) -> persons.Traces:
    return persons.find_traces(person.user_id, person.called)


def forget(person: Person, reason: str, *, although_in_moodle: bool = False) -> persons.Traces:
    """Refused while Moodle has the person: the next sync would store the names again."""
    reasons.check(reason, msg("Forgetting a person needs a reason."))
    if person.in_moodle and not although_in_moodle:
        raise ConfigurationError(
            msg("Moodle still has person {id}.", id=person.user_id),
            hint=msg(
                "Delete the person in Moodle first; otherwise the next sync stores the names again."
            ),
        )
    return persons.forget(person.user_id, person.called, reason.strip())


def export(person: Person) -> dict[str, Any]:
    return persons.export(person.user_id, set(person.names), person.called)
