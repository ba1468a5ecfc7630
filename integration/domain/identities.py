"""What says that a row of Moodle still is the same person, course or group. Pure."""

from typing import NamedTuple


class PersonIdentity(NamedTuple):
    """What says that a row of mdl_user still is the same person. The address is lower-cased."""

    timecreated: int = 0  # unix seconds, 0 = not known
    username: str = ""
    email: str = ""
    idnumber: str = ""


class CourseIdentity(NamedTuple):
    """What says that a row of mdl_course still is the same course."""

    timecreated: int = 0
    shortname: str = ""
    idnumber: str = ""


class GroupIdentity(NamedTuple):
    """What says that a row of mdl_groups still is the same group. Name and idnumber are only worth
    something within the course.
    """

    timecreated: int = 0
    name: str = ""
    idnumber: str = ""
