"""What Moodle still knows of one person's names."""

from dataclasses import dataclass

from integration.services.moodle.connection import read_whole
from moodle.models import User
from moodle.router import MOODLE

COLUMNS = ("username", "firstname", "lastname", "email", "deleted")


@dataclass(frozen=True, slots=True)
class PersonInMoodle:
    """`present`: has a row that is not deleted; `names`: texts that tell who it is."""

    present: bool
    names: frozenset[str]


def person_in_moodle(user_id: int) -> PersonInMoodle:
    """Raises SourceError or ConfigurationError where Moodle cannot be read."""
    rows = User._default_manager.using(MOODLE).filter(pk=user_id)
    row = read_whole(lambda: rows.values_list(*COLUMNS).first())
    if row is None:
        return PersonInMoodle(present=False, names=frozenset())
    username, first, last, email, deleted = row
    names = {username, email, f"{first} {last}", f"{last} {first}", f"{last}, {first}"}
    if deleted:  # Moodle then keeps the address and a time as username
        names.add(username.rpartition(".")[0])
    return PersonInMoodle(not deleted, frozenset(name.strip() for name in names if name.strip()))
