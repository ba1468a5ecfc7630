"""What a run has to know of Rocket.Chat, and whether the two lists are the cheaper way. Pure.

The lists grow with the site, single reads with what the run is about. The sizes are measured on
8.6.1 with 10,000 accounts, in bytes without compression (docs/performance.md).
"""

from collections.abc import Iterator

from integration.domain.needs import NameNeed, Needs, PersonNeed
from integration.domain.state import Managed, Scope
from integration.services.sync.confirm import Claims
from integration.services.sync.desired import Desired
from integration.services.sync.desired_accounts import DesiredAccount

LISTED_ACCOUNT, LISTED_ROOM = 217, 289  # bytes a row
ONE_ACCOUNT, ONE_ROOM = 332, 404  # bytes an answer
SEARCH = 500  # bytes: an envelope and one or two rows
REQUEST = 1000  # bytes: the headers there and back
SMALL_LISTS = 64 * 1024  # bytes: such lists cost no server anything, and are two requests
MOST_REQUESTS = 100  # a bot that may not pass the rate limit would wait for minutes


def lists_are_small(managed: Managed) -> bool:
    """As far as is known: whatever rcsync does not manage comes on top."""
    return _list_bytes(managed) <= SMALL_LISTS


def reads_one_by_one(needs: Needs, managed: Managed) -> bool:
    """Whether single reads are worth it, and possible."""
    if lists_are_small(managed) or not needs.is_searchable:
        return False
    if needs.new_people and not needs.witness:
        return False  # nothing would show that the bot is shown addresses
    return single_requests(needs) <= MOST_REQUESTS and single_bytes(needs) < _list_bytes(managed)


def single_requests(needs: Needs) -> int:
    """At most: a person whose address changed is counted as one who has to be found."""
    return len(needs.account_ids) + len(needs.rooms) + _searches(needs) + bool(needs.new_people)


def single_bytes(needs: Needs) -> int:
    accounts = len(needs.account_ids) + bool(needs.new_people)
    answers = accounts * ONE_ACCOUNT + len(needs.rooms) * ONE_ROOM + _searches(needs) * SEARCH
    return answers + single_requests(needs) * REQUEST


def _list_bytes(managed: Managed) -> int:
    counts = managed.counts
    rows = counts.accounts * LISTED_ACCOUNT + counts.channels * LISTED_ROOM
    return rows + 2 * REQUEST


def _searches(needs: Needs) -> int:
    usernames = sum(len(one.usernames) for one in needs.new_people)
    names = usernames + len(needs.new_names) + 2 * len(needs.names)
    return len(needs.first_searches()) + names


# --- what a run is about --------------------------------------------------------------------------


def concerned_groups(desired: Desired, managed: Managed, scope: Scope) -> frozenset[int]:
    """Moodle group ids whose channels a run looks at: all of its courses, or for single people
    those where they are, were put, or are to be.
    """
    if scope.users is None:
        here = {
            one.group_id for one in managed.channels.values() if scope.has_course(one.course_id)
        }
        return frozenset(here | desired.channels.keys() | desired.endings.keys())
    found = set(scope.groups)
    found |= {group_id for group_id, people in managed.members.items() if people}
    found |= {
        group_id
        for group_id, channel in desired.channels.items()
        if not scope.users.isdisjoint(channel.members)
    }
    found |= {
        group_id for group_id, user_id in managed.unfinished_members if user_id in scope.users
    }
    claims = Claims(managed)
    found |= {group_id for group_id in claims.groups() if claims.people(group_id) & scope.users}
    return frozenset(found)


def needs_of(desired: Desired, managed: Managed, scope: Scope, groups: frozenset[int]) -> Needs:
    """What the plan of a narrow scope is made of. `groups` are its `concerned_groups`."""
    links = {
        group_id: managed.channels[group_id]
        for group_id in groups
        if group_id in managed.channels and scope.has_course(managed.channels[group_id].course_id)
    }
    wanted = {number: one for number, one in desired.channels.items() if scope.has_channel(number)}
    return Needs(
        people=tuple(_people(desired, managed)),
        accounts=frozenset(_others(managed, groups, scope)),
        rooms=frozenset(
            (
                *(link.room_id for link in links.values()),
                *(one.remote_id for number, one in managed.left_rooms.items() if number in groups),
            )
        ),
        names={
            link.room_id: NameNeed(wanted[group_id].name, link.name)
            for group_id, link in links.items()
            if group_id in wanted
        },
        new_names=frozenset(
            one.name
            for number, one in wanted.items()
            if number not in managed.channels and scope.users is None
        ),
        witness=next((one.account_id for one in managed.accounts.values()), ""),
    )


def _people(desired: Desired, managed: Managed) -> Iterator[PersonNeed]:
    for user_id, person in desired.accounts.items():
        link = managed.accounts.get(user_id)
        if link is not None:
            yield PersonNeed(link.account_id, person.email.lower() if person.usable else "")
        elif person.wanted:
            yield PersonNeed("", person.email.lower(), _usernames(person, managed))


def _usernames(person: DesiredAccount, managed: Managed) -> tuple[str, ...]:
    """The wanted one, and those under which an account was asked for without an answer."""
    asked = managed.unfinished_accounts.get(person.user_id, ())
    return tuple(sorted({person.username, *(one.username for one in asked)}))


def _others(managed: Managed, groups: frozenset[int], scope: Scope) -> Iterator[str]:
    """Account ids of people who are, or may be, in the channels."""
    claims = Claims(managed)
    people = {user_id for group in groups for user_id in managed.members.get(group, {})}
    people |= {user_id for group, user_id in managed.unfinished_members if group in groups}
    people |= {user_id for group in groups for user_id in claims.people(group)}
    for user_id in people:
        if scope.has_user(user_id) and user_id in managed.accounts:
            yield managed.accounts[user_id].account_id
