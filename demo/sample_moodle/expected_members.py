# ruff: noqa: S608  # numbers and a prefix of our own
"""Who should be in which group's channel: the truth that demo and tests compare with.

Plain SQL for any DB-API cursor (MySQL, MariaDB, PostgreSQL, SQLite), straight from Moodle's tables
and on purpose without a line of the product's own code. The rules are Moodle's: get_enrolled_users
with onlyactive, get_role_users with parent contexts, and accounts that can log in.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

EFFECTIVE = """
    SELECT gm.groupid, gm.userid, g.courseid
    FROM {p}groups_members gm
    JOIN {p}groups g ON g.id = gm.groupid
    JOIN {p}user u ON u.id = gm.userid
    WHERE u.deleted = 0 AND u.suspended = 0 AND u.confirmed = 1 AND u.auth <> 'nologin'
      AND u.id <> {guest}
      AND EXISTS (
        SELECT 1 FROM {p}user_enrolments ue JOIN {p}enrol e ON e.id = ue.enrolid
        WHERE ue.userid = gm.userid AND e.courseid = g.courseid AND ue.status = 0 AND e.status = 0
          AND ue.timestart < {now} AND (ue.timeend = 0 OR ue.timeend > {now}))
"""


def effective_members(
    cursor: Any, prefix: str, now: int, role_ids: Collection[int] | None = None
) -> dict[int, set[int]]:
    """Every group of the site -> its effective members who hold one of the roles.

    Without roles (None) it takes none to be a member.
    """
    guest = _setting(cursor, prefix, "siteguest")
    default_role = _setting(cursor, prefix, "defaultuserroleid")
    everybody = role_ids is None or default_role in role_ids
    holders = {} if everybody else _holders(cursor, prefix, role_ids or ())
    groups = _all(cursor, f"SELECT id FROM {prefix}groups")
    members: dict[int, set[int]] = {group_id: set() for (group_id,) in groups}
    effective = _all(cursor, EFFECTIVE.format(p=prefix, now=int(now), guest=guest))
    for group_id, user_id, course_id in effective:
        if everybody or user_id in holders.get(course_id, ()):
            members[group_id].add(user_id)
    return members


def _holders(cursor: Any, prefix: str, role_ids: Collection[int]) -> dict[int, set[int]]:
    """Course id -> who holds one of the roles in the course, above it or on the whole site."""
    at: dict[int, set[int]] = defaultdict(set)
    wanted = ", ".join(str(int(role_id)) for role_id in role_ids) or "-1"
    sql = f"SELECT contextid, userid FROM {prefix}role_assignments WHERE roleid IN ({wanted})"
    for context_id, user_id in _all(cursor, sql):
        at[context_id].add(user_id)
    paths = _all(cursor, f"SELECT instanceid, path FROM {prefix}context WHERE contextlevel = 50")
    return {
        course_id: set().union(*(at[int(part)] for part in path.split("/") if part))
        for course_id, path in paths
    }


def _setting(cursor: Any, prefix: str, name: str) -> int:
    found = _all(cursor, f"SELECT value FROM {prefix}config WHERE name = '{name}'")
    return int(found[0][0]) if found else -1


def _all(cursor: Any, sql: str) -> list[tuple[Any, ...]]:
    cursor.execute(sql)
    return list(cursor.fetchall())
