"""Moodle's tables, as far as rcsync reads them: Moodle's own names, one line per column that is
used.

They belong to Moodle. The models are unmanaged; only tests create such tables
(settings.MOODLE_TESTING), and the sample Moodle of the demo, which is why defaults and indexes are
those of Moodle's own schema. Ids point to other tables without foreign keys, as in Moodle; times
are unix seconds, 0 = none; flags are small integers, because Moodle has no booleans.

Text is compared in Python, never in SQL: MySQL's collation calls 'Group A' and 'group a' equal, and
all emoji.
"""

from django.conf import settings
from django.db import models
from django.db.models import BigIntegerField, CharField, SmallIntegerField, TextField


def table(name: str) -> str:
    """The table's name on this site: $CFG->prefix of Moodle's config.php comes first."""
    return f"{settings.MOODLE_DB_PREFIX}{name}"


class MoodleTable(models.Model):
    """A row of a Moodle table. Every one has an id that only grows."""

    id = models.BigAutoField(primary_key=True)

    class Meta:
        abstract = True
        managed = settings.MOODLE_TESTING


# --- People ---------------------------------------------------------------------------------------


class User(MoodleTable):
    """A person. Deleted people keep their row. The username is unique only within the MNet host."""

    auth = CharField(max_length=20, db_default="manual", db_index=True)
    confirmed = SmallIntegerField(db_default=0, db_index=True)
    deleted = SmallIntegerField(db_default=0, db_index=True)
    suspended = SmallIntegerField(db_default=0)
    mnethostid = BigIntegerField(db_default=0)
    username = CharField(max_length=100, db_default="")
    firstname = CharField(max_length=100, db_default="", db_index=True)
    lastname = CharField(max_length=100, db_default="", db_index=True)
    firstnamephonetic = CharField(max_length=255, null=True)
    lastnamephonetic = CharField(max_length=255, null=True)
    middlename = CharField(max_length=255, null=True)
    alternatename = CharField(max_length=255, null=True)
    email = CharField(max_length=100, db_default="", db_index=True)
    idnumber = CharField(max_length=255, db_default="", db_index=True)
    timecreated = BigIntegerField(db_default=0)

    class Meta(MoodleTable.Meta):
        db_table = table("user")
        constraints = [
            models.UniqueConstraint(fields=["mnethostid", "username"], name="user_mneuse_uix")
        ]


class UserInfoField(MoodleTable):
    """A custom profile field of the site."""

    shortname = CharField(max_length=255, db_default="shortname")
    datatype = CharField(max_length=255, db_default="")

    class Meta(MoodleTable.Meta):
        db_table = table("user_info_field")


class UserInfoData(MoodleTable):
    """What one person has in one profile field."""

    userid = BigIntegerField(db_default=0)
    fieldid = BigIntegerField(db_default=0)
    data = TextField()

    class Meta(MoodleTable.Meta):
        db_table = table("user_info_data")
        constraints = [
            models.UniqueConstraint(fields=["userid", "fieldid"], name="userinfodata_usefie_uix")
        ]


# --- Courses and groups ---------------------------------------------------------------------------


class CourseCategory(MoodleTable):
    """A category. `path` holds the ids from the top: /2/3. Hiding one hides all below it."""

    name = CharField(max_length=255, db_default="")
    parent = BigIntegerField(db_default=0, db_index=True)
    sortorder = BigIntegerField(db_default=0)
    visible = SmallIntegerField(db_default=1)
    path = CharField(max_length=255, db_default="")

    class Meta(MoodleTable.Meta):
        db_table = table("course_categories")


class Course(MoodleTable):
    """A course. The one of category 0 is the site itself (its front page)."""

    category = BigIntegerField(db_default=0, db_index=True)
    sortorder = BigIntegerField(db_default=0, db_index=True)
    fullname = CharField(max_length=254, db_default="")
    shortname = CharField(max_length=255, db_default="", db_index=True)
    idnumber = CharField(max_length=100, db_default="", db_index=True)
    visible = SmallIntegerField(db_default=1)
    startdate = BigIntegerField(db_default=0)
    enddate = BigIntegerField(db_default=0)
    timecreated = BigIntegerField(db_default=0)

    class Meta(MoodleTable.Meta):
        db_table = table("course")


class Group(MoodleTable):
    """A group; its name need not be unique. `visibility` as in state.Group; Moodle before 4.2 has
    no such column.
    """

    courseid = BigIntegerField(db_index=True)
    idnumber = CharField(max_length=100, db_default="", db_index=True)
    name = CharField(max_length=254, db_default="")
    timecreated = BigIntegerField(db_default=0)
    visibility = SmallIntegerField(db_default=0)

    class Meta(MoodleTable.Meta):
        db_table = table("groups")


class GroupMember(MoodleTable):
    """A person in a group. Alone it proves nothing: it outlives a suspended or ended enrolment."""

    groupid = BigIntegerField(db_default=0, db_index=True)
    userid = BigIntegerField(db_default=0, db_index=True)

    class Meta(MoodleTable.Meta):
        db_table = table("groups_members")
        constraints = [
            models.UniqueConstraint(fields=["userid", "groupid"], name="groumemb_usegro_uix")
        ]


# --- Enrolments -----------------------------------------------------------------------------------


class Enrol(MoodleTable):
    """An enrolment method of a course: manual, self, cohort, meta ... `status` 0 = on, 1 = off."""

    enrol = CharField(max_length=20, db_default="", db_index=True)
    status = BigIntegerField(db_default=0)
    courseid = BigIntegerField(db_index=True)

    class Meta(MoodleTable.Meta):
        db_table = table("enrol")


class UserEnrolment(MoodleTable):
    """A person enrolled by a method. `status` 0 = active, 1 = suspended; `timeend` 0 = for ever."""

    status = BigIntegerField(db_default=0)
    enrolid = BigIntegerField(db_index=True)
    userid = BigIntegerField(db_index=True)
    timestart = BigIntegerField(db_default=0)
    timeend = BigIntegerField(db_default=2147483647)

    class Meta(MoodleTable.Meta):
        db_table = table("user_enrolments")
        constraints = [
            models.UniqueConstraint(fields=["enrolid", "userid"], name="userenro_enruse_uix")
        ]


# --- Roles ----------------------------------------------------------------------------------------


class Role(MoodleTable):
    """A role of the site. `name` is mostly empty for Moodle's own; `archetype` for custom ones."""

    name = CharField(max_length=255, db_default="")
    shortname = CharField(max_length=100, db_default="", unique=True)
    sortorder = BigIntegerField(db_default=0)
    archetype = CharField(max_length=30, db_default="")

    class Meta(MoodleTable.Meta):
        db_table = table("role")


class RoleAssignment(MoodleTable):
    """A role of a person in a context; there twice where two enrolment methods gave it."""

    roleid = BigIntegerField(db_default=0, db_index=True)
    contextid = BigIntegerField(db_default=0, db_index=True)
    userid = BigIntegerField(db_default=0, db_index=True)

    class Meta(MoodleTable.Meta):
        db_table = table("role_assignments")
        indexes = [
            models.Index(fields=["roleid", "contextid"], name="roleassi_rolcon_ix"),
            models.Index(fields=["userid", "contextid", "roleid"], name="roleassi_useconrol_ix"),
        ]


class Context(MoodleTable):
    """A place where roles are held. `path` holds the ids from the top: /1/11/12/15."""

    SYSTEM, USER, CATEGORY, COURSE = 10, 30, 40, 50

    contextlevel = BigIntegerField(db_default=0)
    instanceid = BigIntegerField(db_default=0, db_index=True)
    path = CharField(max_length=255, null=True, db_index=True)

    class Meta(MoodleTable.Meta):
        db_table = table("context")
        constraints = [
            models.UniqueConstraint(fields=["contextlevel", "instanceid"], name="cont_conins_uix")
        ]


# --- Settings and log -----------------------------------------------------------------------------


class Config(MoodleTable):
    """A setting of the site."""

    name = CharField(max_length=255, db_default="", unique=True)
    value = TextField()

    class Meta(MoodleTable.Meta):
        db_table = table("config")


class PluginConfig(MoodleTable):
    """A setting of a plugin."""

    plugin = CharField(max_length=100, db_default="core")
    name = CharField(max_length=100, db_default="")
    value = TextField()

    class Meta(MoodleTable.Meta):
        db_table = table("config_plugins")
        constraints = [
            models.UniqueConstraint(fields=["plugin", "name"], name="confplug_plunam_uix")
        ]


class LogEntry(MoodleTable):
    """An event in Moodle's standard log: a hint where to look again, never an order.

    `eventname` has no index. `edulevel` and `contextid` are never read; Moodle gives them no
    default, so whoever makes sample rows has to fill them in.
    """

    eventname = CharField(max_length=255, db_default="")
    objecttable = CharField(max_length=50, null=True)
    objectid = BigIntegerField(null=True)
    crud = CharField(max_length=1, db_default="")
    edulevel = SmallIntegerField()
    contextid = BigIntegerField(db_index=True)
    contextlevel = BigIntegerField()
    contextinstanceid = BigIntegerField()
    userid = BigIntegerField(db_index=True)
    courseid = BigIntegerField(null=True, db_index=True)
    relateduserid = BigIntegerField(null=True, db_index=True)
    other = TextField(null=True)
    timecreated = BigIntegerField(db_index=True)

    class Meta(MoodleTable.Meta):
        db_table = table("logstore_standard_log")


TABLES: tuple[type[MoodleTable], ...] = tuple(MoodleTable.__subclasses__())
"""Every table that rcsync reads."""
