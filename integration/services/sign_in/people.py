"""The user of a person whom a provider or the proxy names, and the role that its groups give."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from integration.models import SignInIdentity
from integration.services.sign_in.refusals import Advice, Refused

logger = logging.getLogger(__name__)

ROLES = ("viewer", "operator", "administrator")  # the groups that migration 0002 made
LONGEST_NAME = 150  # characters: User.username
LONGEST_SUBJECT = 255  # characters: OpenID Connect Core, 2


@dataclass(frozen=True, slots=True)
class Person:
    """Whom somebody else vouches for. `names` are tried in turn for a new user's name."""

    source: str
    subject: str
    names: tuple[str, ...]
    email: str
    groups: frozenset[str]


def user_of(person: Person, mapping: Mapping[str, frozenset[str]]) -> User:
    """The person's user with the role of today's groups; Refused.

    Who has no group that counts any more is refused, and what the groups gave before is taken away
    first. A missing list of groups is an empty one: providers leave an empty claim out, and a right
    that nobody confirms is none.
    """
    if not 0 < len(person.subject) <= LONGEST_SUBJECT:
        raise Refused("no-subject", f"a subject of {len(person.subject)} characters")
    roles = [role for role in ROLES if person.groups & mapping.get(role, frozenset())]
    user = _known(person)
    if not roles:
        if user is not None:
            _give(user, roles)
        why = f"none of {len(person.groups)} groups is in SIGN_IN_..._GROUPS"
        raise Refused("no-group", why, Advice.GROUP)
    if user is None:
        user = _new(person)
    if not user.is_active:
        raise Refused("switched-off", f"user {user.pk} is not active", Advice.OFF)
    if person.email and user.email != person.email:
        user.email = person.email
        user.save(update_fields=["email"])
    _give(user, roles)
    logger.info("sign-in=accepted user=%d roles=%s", user.pk, ",".join(roles))
    return user


def _known(person: Person) -> User | None:
    identity = (
        SignInIdentity.objects.select_related("user")
        .filter(source=person.source, subject=person.subject)
        .first()
    )
    # Some databases compare without regard to case; two subjects that differ in it are two people.
    return identity.user if identity and identity.subject == person.subject else None


def _new(person: Person) -> User:
    """A user without a password. Never one who is there already: whoever may choose a name at the
    provider would become whoever has that name here.
    """
    name = next((name for name in person.names if _fits(name)), "")
    if not name:
        raise Refused("no-name", "no name of the person can be a username")
    if User.objects.filter(username__iexact=name).exists():
        raise Refused("name-taken", "a local user has this name", Advice.NAME)
    try:
        with transaction.atomic():
            user = User.objects.create_user(name, person.email)
            user.identities.create(source=person.source, subject=person.subject)
    except IntegrityError:
        raise Refused("at-once", "signed in twice at the same moment", Advice.AGAIN) from None
    return user


def _fits(name: str) -> bool:
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError:
        return False
    return 0 < len(name) <= LONGEST_NAME


def _give(user: User, roles: list[str]) -> None:
    """Of our three groups exactly these; other groups and a superuser's mark are decided here, in
    rcsync, and stay. Who has no role does not come into the admin.
    """
    with transaction.atomic():
        wanted = set(Group.objects.filter(name__in=roles))
        gone = [group for group in user.groups.filter(name__in=ROLES) if group not in wanted]
        user.groups.remove(*gone)
        user.groups.add(*wanted)
        if user.is_staff != bool(roles):
            user.is_staff = bool(roles)
            user.save(update_fields=["is_staff"])
