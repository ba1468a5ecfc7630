"""Turns hints into scopes: merged, and narrowed to the courses with event sync."""

from collections.abc import Collection, Iterable

from integration.domain.state import Scope
from integration.models import AccountLink, IntegratedCourse, ManagedMembership
from integration.services.events.hints import Hint
from moodle.models import Enrol, UserEnrolment
from moodle.router import MOODLE

MOST_PEOPLE = 30  # for each course: more are quicker looked at course by course
MOST_GROUPS = 30


def event_courses() -> frozenset[int]:
    """Ids of the courses with event sync."""
    rows = IntegratedCourse.objects.filter(event_sync=True)
    return frozenset(rows.values_list("course_id", flat=True))


def scopes_of(hints: Iterable[Hint], courses: frozenset[int]) -> list[Scope]:
    """At most two scopes: one for whole courses, one for people and for single channels.

    `courses` are the courses with event sync. Reads Moodle; call inside `read_whole`.
    """
    hints = set(hints)
    if Hint() in hints:
        return [Scope(courses=courses)] if courses else []
    whole = {
        h.course_id
        for h in hints
        if h.user_id is None and h.group_id is None and h.course_id in courses
    }
    groups = {h.group_id: h.course_id for h in hints if h.group_id and h.course_id in courses}
    people, touched = _people(hints, courses, whole)
    if len(people) > MOST_PEOPLE * max(1, len(touched)):
        whole |= touched
        people, touched = set(), set()
    people |= _missed(_users(hints, courses) - people, whole)
    if len(groups) > MOST_GROUPS:
        whole |= set(groups.values())
    groups = {group: course for group, course in groups.items() if course not in whole}
    scopes = [Scope(courses=frozenset(whole))] if whole else []
    if people or groups:
        narrow = frozenset((touched | set(groups.values())) - whole)
        scopes.append(Scope(narrow, frozenset(people), frozenset(groups)))
    return scopes


def _people(
    hints: Iterable[Hint], courses: frozenset[int], whole: Collection[int | None]
) -> tuple[set[int], set[int]]:
    """People to look at, with their courses; without those of courses that are looked at whole."""
    people: set[int] = set()
    touched: set[int] = set()
    anywhere: set[int] = set()
    for hint in hints:
        if hint.user_id is None:
            continue
        if hint.course_id is None:
            anywhere.add(hint.user_id)
        elif hint.course_id in courses and hint.course_id not in whole:
            people.add(hint.user_id)
            touched.add(hint.course_id)
    known, theirs = _known(anywhere, courses)
    return people | known, touched | theirs


def _users(hints: Iterable[Hint], courses: Collection[int]) -> set[int]:
    """Everybody who may concern the courses."""
    return {h.user_id for h in hints if h.user_id and (h.course_id or 0) in {0, *courses}}


def _missed(users: set[int], whole: Collection[int]) -> set[int]:
    """Those with an account whom a look at these whole courses does not meet: they are not, or no
    longer, in any. Their accounts may have to change all the same.
    """
    if not users or not whole:
        return set()
    met = {user for user, _ in _places(users, whole)}
    return _with_account(users - met)


def _known(users: set[int], courses: frozenset[int]) -> tuple[set[int], set[int]]:
    """Those of the users whom rcsync manages or will, and the event courses where they are."""
    if not users or not courses:
        return set(), set()
    places = _places(users, courses)
    known = {user for user, _ in places} | _with_account(users)
    return known, {course for _, course in places}


def _places(users: set[int], courses: Collection[int]) -> set[tuple[int, int]]:
    """(user, course) where the users are enrolled in Moodle, or in a channel."""
    places = set(
        ManagedMembership.objects.filter(
            account__moodle_user_id__in=users, channel__moodle_course_id__in=courses
        ).values_list("account__moodle_user_id", "channel__moodle_course_id")
    )
    rows = UserEnrolment.objects.using(MOODLE).filter(userid__in=users)
    pairs = list(rows.values_list("userid", "enrolid"))
    methods = dict(
        Enrol.objects.using(MOODLE)
        .filter(id__in={method for _, method in pairs})
        .values_list("id", "courseid")
    )
    return places | {
        (user, methods[method]) for user, method in pairs if methods.get(method) in courses
    }


def _with_account(users: set[int]) -> set[int]:
    linked = AccountLink.objects.filter(moodle_user_id__in=users)
    return set(linked.values_list("moodle_user_id", flat=True))
