"""The sample's everyday part: a small university in the middle of its term."""

import random
from collections.abc import Sequence
from itertools import islice

from demo.sample_moodle.builder import DAY, MoodleBuilder
from demo.sample_moodle.people import newcomers
from moodle.models import Context

STUDENTS = 270
LECTURERS = 14
TUTORS = 12


class University:
    """Builds the everyday part and keeps what the odd cases are hung on."""

    def __init__(self, world: MoodleBuilder, rng: random.Random) -> None:
        self.world, self.rng = world, rng
        self._newcomers = newcomers(rng)
        world.role("tutor", name="Tutor", archetype="teacher")
        world.role("observer", name="Beobachter/in (nur lesen)")
        self.students = self.people(STUDENTS)
        self.lecturers = self.people(LECTURERS)
        self.tutors = self.people(TUTORS)
        self.categories = self._categories()
        self.courses: dict[str, int] = {}
        self._science()
        self._humanities()
        self._languages()
        self._staff()

    def people(self, count: int) -> list[int]:
        return [
            self.world.user(person.first, person.last, person.username, person.email)
            for person in islice(self._newcomers, count)
        ]

    def course(self, category: str, shortname: str, fullname: str, students: int) -> list[int]:
        """A course with its lecturers and students; its students are drawn at random."""
        course_id = self.world.course(self.categories[category], shortname, fullname)
        self.courses[shortname] = course_id
        taught_by = self.rng.sample(self.lecturers, 2)
        self.world.enrol(course_id, taught_by[:1], "editingteacher")
        self.world.enrol(course_id, taught_by[1:], "teacher")
        chosen = sorted(self.rng.sample(self.students, students))
        self.world.enrol(course_id, chosen, start=self.world.made, end=self.world.now + 120 * DAY)
        return chosen

    def groups(self, shortname: str, names: Sequence[str], members: Sequence[int]) -> None:
        """The members dealt out evenly, and one of the tutors in each group."""
        course_id = self.courses[shortname]
        tutors = self.rng.sample(self.tutors, min(len(names), len(self.tutors)))
        self.world.enrol(course_id, sorted(tutors), "tutor")
        for number, name in enumerate(names):
            tutor = tutors[number % len(tutors)]
            self.world.group(course_id, name, [*members[number :: len(names)], tutor])

    def _categories(self) -> dict[str, int]:
        science = self.world.category("Faculty of Science")
        humanities = self.world.category("Lettres & sciences humaines")
        return {
            "science": science,
            "computing": self.world.category("Computing", science),
            "humanities": humanities,
            "languages": self.world.category("Language centre"),
            "archive": self.world.category("Archive", visible=False),
        }

    def _science(self) -> None:
        chosen = self.course("computing", "CS101", "Introduction to Programming", 110)
        self.groups("CS101", [f"Seminar group {number}" for number in range(1, 5)], chosen)
        chosen = self.course("computing", "CS210", "Software Engineering Project", 48)
        self.groups("CS210", [f"Project team {number:02}" for number in range(1, 9)], chosen)
        self.world.group(self.courses["CS210"], "coach group a1", chosen[:24])
        self.world.group(self.courses["CS210"], "coach group b1", chosen[24:])
        chosen = self.course("science", "MA110", "Lineare Algebra I", 90)
        days = ("Mo 10–12", "Di 14–16", "Mi 8–10", "Do 16–18")
        self.groups("MA110", [f"Übungsgruppe {n} ({day})" for n, day in enumerate(days, 1)], chosen)
        chosen = self.course("science", "BIO-LAB", "Biology: laboratory course", 40)
        self.groups("BIO-LAB", [f"Lab bench {letter}" for letter in "ABCD"], chosen)

    def _humanities(self) -> None:
        chosen = self.course("humanities", "HIST150", "World History: O'Brien & Sons", 60)
        self.groups("HIST150", [f"Seminar group {number}" for number in range(1, 4)], chosen)
        chosen = self.course("humanities", "STAT200", "Statistics for everybody", 75)
        self.groups("STAT200", ["Tutorial Mon", "Tutorial Wed", "Tutorial Fri"], chosen)

    def _languages(self) -> None:
        chosen = self.course("languages", "FR-B1", "Français : niveau B1", 36)
        self.groups("FR-B1", ["Équipe d'été n° 1", "Équipe d'été n° 2", "Conversation"], chosen)
        chosen = self.course("languages", "数据库101", "数据库原理 🐘", 30)
        self.groups("数据库101", ["小组一", "小组二", "🐘🐘🐘"], chosen)

    def _staff(self) -> None:
        """Roles above the courses: they count there, but make nobody a member."""
        faculty, *assistants = self.people(3)
        science = (Context.CATEGORY, self.categories["science"])
        self.world.assign("manager", faculty, *science)
        for assistant in assistants:
            self.world.assign("tutor", assistant, *science)
        self.world.enrol(self.courses["CS101"], assistants[:1], role="")
        self.world.group(
            self.courses["CS101"], "Teaching staff", [*assistants, *self.lecturers[:4]]
        )
        self.world.enrol(self.courses["CS101"], self.lecturers[:4], "teacher", method=self._extra())

    def _extra(self) -> int:
        return self.world.method(self.courses["CS101"], "self")
