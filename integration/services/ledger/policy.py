"""The administrator's decisions, read from our tables as one value."""

from collections.abc import Mapping

from integration.domain.course_policies import variants
from integration.domain.errors import ConfigurationError
from integration.domain.messages import joined, msg
from integration.domain.patterns import Pattern
from integration.domain.policy import (
    AccountsFor,
    Cause,
    Deactivation,
    Limit,
    Limits,
    MissingAccounts,
    Policy,
    Removal,
    Window,
)
from integration.domain.state import Ending, RoomRole
from integration.models import (
    GroupRegexFilter,
    IncludedRole,
    IntegrationSettings,
    RemovalLimit,
)
from integration.services.ledger.level_settings import own_settings


def load_policy(role_names: Mapping[int, str]) -> Policy:
    """The policy. `role_names` are Moodle's roles (id -> shortname), to find roles given by name
    only.
    """
    row = IntegrationSettings.load()
    return Policy(
        patterns=_patterns(),
        roles=_roles(role_names),
        name_template=row.name_template,
        topic_template=row.topic_template,
        description_template=row.description_template,
        announcement_template=row.announcement_template,
        whole_course=row.whole_course,
        course_name_template=row.course_name_template,
        private_channels=row.private_channels,
        empty_channels=row.empty_channels,
        hidden_member_lists=row.hidden_member_lists,
        follow_renames=row.follow_renames,
        plain_names=row.plain_names,
        accounts_for=AccountsFor(row.accounts_for),
        missing_accounts=MissingAccounts(row.missing_accounts),
        update_adopted_accounts=row.update_adopted_accounts,
        password_mail=row.password_mail,
        adopt_channels=row.adopt_channels,
        deactivation=Deactivation(row.deactivation),
        deactivate_adopted=row.deactivate_adopted,
        respect_leavers=row.respect_leavers,
        protected_usernames=frozenset(row.protected_usernames.lower().split()),
        on_group_deleted=Ending(row.on_group_deleted),
        on_pattern_unmatched=Ending(row.on_pattern_unmatched),
        on_group_hidden=Ending(row.on_group_hidden),
        on_course_hidden=Ending(row.on_course_hidden) if row.on_course_hidden else None,
        on_course_deleted=Ending(row.on_course_deleted),
        on_course_ended=Ending(row.on_course_ended) if row.on_course_ended else None,
        on_course_not_begun=Ending(row.on_course_not_begun) if row.on_course_not_begun else None,
        on_category_hidden=Ending(row.on_category_hidden) if row.on_category_hidden else None,
        on_course_removed=Ending(row.on_course_removed),
        members_kept=_causes(
            row,
            {
                "remove_suspended": Cause.SUSPENDED,
                "remove_deleted": Cause.DELETED,
                "remove_unenrolled": Cause.UNENROLLED,
                "remove_without_role": Cause.ROLE_LOST,
            },
        ),
        accounts_kept=_causes(
            row,
            {
                "deactivate_suspended": Cause.SUSPENDED,
                "deactivate_deleted": Cause.DELETED,
                "deactivate_without_role": Cause.ROLE_LOST,
            },
        ),
        grace_members=row.grace_members,
        grace_accounts=row.grace_accounts,
        grace_channels=row.grace_channels,
        limits=_limits(row),
        own=own_settings(),
    )


def _causes(row: IntegrationSettings, switches: Mapping[str, Cause]) -> frozenset[Cause]:
    """The causes whose switch is off: nothing is taken away for them."""
    return frozenset(cause for name, cause in switches.items() if not getattr(row, name))


def _limits(row: IntegrationSettings) -> Limits:
    special = {
        (Removal(limit.what), Window(limit.span)): Limit(limit.percent, limit.absolute)
        for limit in RemovalLimit.objects.all()
    }
    return Limits(
        row.limit_percent,
        row.limit_from,
        special=special,
        additions_go_on=row.additions_go_on,
        unexplained_percent=row.unexplained_percent,
        shrink_percent=row.shrink_percent,
        shrink_from=row.shrink_from,
    )


def missing_choices_in_words(policy: Policy) -> list[str]:
    """What is missing so that anything at all can be synced, in plain words."""
    return [joined(" ", found_and_fix) for found_and_fix in missing_choices(policy)]


def missing_choices(policy: Policy) -> list[tuple[str, str]]:
    """The same: what was found, and what to do about it. Only what is missing everywhere."""
    found: list[tuple[str, str]] = []
    possible = list(variants(policy))
    without = all(pattern.exclude for one in possible for pattern in one.patterns)
    if without and not any(one.whole_course for one in possible):
        found.append(
            (
                msg(
                    "No group pattern of the kind 'include' is enabled, so no group gets a channel."
                ),
                msg("Add one under Group patterns, for example .* for every group."),
            )
        )
    if not any(one.roles for one in possible):
        found.append(
            (
                msg("No role is included, so nobody is added to a channel."),
                msg("Add one under Included roles, for example student."),
            )
        )
    return found


def _patterns() -> tuple[Pattern, ...]:
    return tuple(
        Pattern(row.pattern, row.kind == GroupRegexFilter.Kind.EXCLUDE)
        for row in GroupRegexFilter.objects.filter(enabled=True)
    )


def _roles(role_names: Mapping[int, str]) -> dict[int, RoomRole]:
    ids = {shortname: role_id for role_id, shortname in role_names.items()}
    roles: dict[int, RoomRole] = {}
    for row in IncludedRole.objects.filter(enabled=True):
        role_id = row.role_id if row.role_id is not None else ids.get(row.shortname)
        if role_id is None or role_id not in role_names:
            raise ConfigurationError(
                msg(
                    "Moodle has no role '{role}', which is among the included roles.",
                    role=str(row.shortname or row.role_id),
                ),
                hint=msg(
                    "Remove it under Included roles or switch it off. Moodle has: {names}.",
                    names=_names(ids),
                ),
            )
        roles[role_id] = RoomRole(row.room_role)
    return roles


def _names(ids: Mapping[str, int]) -> str:
    return ", ".join(sorted(ids)) or msg("none")
