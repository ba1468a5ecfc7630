"""The sample's odd cases: everything that a sync gets wrong when nobody thought of it."""

from demo.sample_moodle.builder import DAY, MoodleBuilder
from demo.sample_moodle.university import University
from moodle.models import Context

LONG_NAME = ("Arbeitsgruppe für außergewöhnlich lange Gruppennamen " * 5)[:253].rstrip() + "!"
ALIKE = ("Team X", "Team_X", "Team/X", "team x")  # one name after transliteration
UNMATCHED = ("Waiting list", "zz internal: marking", "Late submission 2026")


def add_oddities(campus: University) -> None:
    world = campus.world
    _enrolments(campus, world)
    _accounts(campus, world)
    _emails(campus, world)
    _group_names(campus, world)
    _courses(campus, world)
    _other_methods(campus, world)
    _profile_fields(campus, world)


def _enrolments(campus: University, world: MoodleBuilder) -> None:
    """Enrolments that do not count, or only just do. One person is suspended here, active there."""
    course, past, future = campus.courses["CS101"], world.now - 10 * DAY, world.now + 10 * DAY
    off = world.method(course, "self", on=False)
    suspended, ended, not_begun, inside, one_of_two, none_of_two, method_off, no_role, left = (
        campus.people(9)
    )
    world.enrol(course, [suspended], suspended=True)
    world.enrol(course, [ended], end=past)
    world.enrol(course, [not_begun], start=future)
    world.enrol(course, [inside], start=past, end=future)
    second = world.method(course, "self")
    world.enrol(course, [one_of_two, none_of_two], suspended=True)
    world.enrol(course, [one_of_two], role="", method=second)
    world.enrol(course, [none_of_two], role="", method=second, end=past)
    world.enrol(course, [method_off], method=off)
    world.enrol(course, [no_role], role="")
    odd = [suspended, ended, not_begun, inside, one_of_two, none_of_two, method_off, no_role, left]
    plain = campus.students[:6]
    world.enrol(course, plain, method=world.method(course, "self"))
    world.group(course, "Seminar group 5", [*odd, *plain])
    _small_group(world, campus.courses["STAT200"], "Tutorial Sat", [suspended, *plain])


def _accounts(campus: University, world: MoodleBuilder) -> None:
    """Accounts that Moodle itself would not let in, and user names that are hard on Rocket.Chat."""
    course = campus.courses["HIST150"]
    suspended, unconfirmed, nologin, deleted = campus.people(4)
    at_sign = world.user("John", "Smith", "john.smith@campus.invalid", "john.smith@campus.invalid")
    digits = world.user("Tomasz", "Liczba", "20260042", "20260042@campus.invalid")
    long = world.user("Maximiliane", "von und zu " * 8 + "Lang", "m" * 100, "long@campus.invalid")
    quoted = world.user('AB "Ace"', "C & D <b>", "j.s-m_ith", "J.Smith.Mixed@Campus.Invalid")
    twin = world.user("Anna", "Berg", "anna.berg", "anna.berg@campus.invalid")
    mnet = world.user(
        "Anna", "Berg", "anna.berg", "anna.berg@partner.invalid", mnethostid=2, auth="mnet"
    )
    known = [suspended, unconfirmed, nologin, deleted, at_sign, digits, long, quoted, twin, mnet]
    world.enrol(course, known)
    world.group(course, "Seminar group 4", known)
    world.change_user(suspended, suspended=1)
    world.change_user(unconfirmed, confirmed=0)
    world.change_user(nologin, auth="nologin")
    world.delete_user(deleted)


def _emails(campus: University, world: MoodleBuilder) -> None:
    """Three people with one address, one of them in capitals, and one person without any."""
    shared = [
        world.user(first, "Zwilling", f"{first.lower()}.zwilling", email)
        for first, email in (
            ("Uta", "zwilling@campus.invalid"),
            ("Udo", "zwilling@campus.invalid"),
            ("Ulf", "ZWILLING@campus.invalid"),
        )
    ]
    without = world.user("Nele", "Ohnemail", "nele.ohnemail", "")
    world.enrol(campus.courses["STAT200"], [*shared, without])
    world.group(campus.courses["STAT200"], "Tutorial Sun", [*shared, without])


def _group_names(campus: University, world: MoodleBuilder) -> None:
    course, some = campus.courses["BIO-LAB"], campus.students
    for number, name in enumerate((*ALIKE, *UNMATCHED)):
        _small_group(world, course, name, some[5 * number : 5 * number + 5])
    course = campus.courses["FR-B1"]
    for number, name in enumerate(
        (LONG_NAME, "///", "42", '<b>Bold</b> & "quoted"', "{mlang fr}Groupe{mlang}", "Empty group")
    ):
        _small_group(world, course, name, [] if name == "Empty group" else some[number::60])
    hidden, seen_by_members = some[100:104], some[104:110]
    course = campus.courses["HIST150"]
    _small_group(world, course, "Needs assistance", hidden, visibility=3)
    _small_group(world, course, "Reading circle", seen_by_members, visibility=1)


def _small_group(
    world: MoodleBuilder, course: int, name: str, members: list[int], visibility: int = 0
) -> None:
    """A group whose members are enrolled by a method of its own."""
    world.enrol(course, members, method=world.method(course, "self"))
    world.group(course, name, members, visibility)


def _courses(campus: University, world: MoodleBuilder) -> None:
    """A course in preparation, and one that ended years ago in a hidden category."""
    hidden = world.course(campus.categories["science"], "PREP", "In preparation", visible=False)
    campus.courses["PREP"] = hidden
    world.enrol(hidden, campus.students[20:30])
    world.group(hidden, "Pilot group", campus.students[20:30])
    old = world.course(
        campus.categories["archive"],
        "OLD2019",
        "Old course of 2019",
        visible=False,
        enddate=world.now - 7 * 365 * DAY,
    )
    campus.courses["OLD2019"] = old
    world.enrol(old, campus.students[30:40])
    world.group(old, "Alumni", campus.students[30:40])


def _other_methods(campus: University, world: MoodleBuilder) -> None:
    """A course filled by a cohort and by the meta method, the copied suspension included."""
    course = world.course(campus.categories["computing"], "CS-ALL", "Computing: all first years")
    campus.courses["CS-ALL"] = course
    cohort, meta = world.method(course, "cohort"), world.method(course, "meta")
    world.enrol(course, campus.students[40:60], method=cohort)
    world.enrol(course, campus.students[60:70], role="", method=cohort, suspended=True)
    world.enrol(course, campus.students[70:100], method=meta)
    world.group(course, "Cohort 2026", campus.students[40:70])
    world.group(course, "Everybody", campus.students[40:100])
    observer, manager = campus.people(2)
    world.enrol(course, [observer], "observer")
    world.enrol(course, [manager], role="")
    world.assign("manager", manager, Context.SYSTEM, 0)
    world.group(course, "Guests of the course", [observer, manager, *campus.students[40:44]])


def _profile_fields(campus: University, world: MoodleBuilder) -> None:
    """Two custom fields: a name for the chat, and the wish to stay out of it."""
    world.profile_field("rocketchat", "text", {campus.students[0]: "rocket.name"})
    world.profile_field("nochat", "checkbox", {campus.students[1]: "1"})
