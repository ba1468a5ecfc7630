"""The settings page, group by group, in the order in which they are needed."""

from typing import Any

from django.utils.translation import gettext_lazy as _

SETTING_GROUPS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (
        _("Rocket.Chat"),
        {
            "fields": (
                "rocketchat_url",
                "rocketchat_user_id",
                "rocketchat_auth_token",
                "clear_rocketchat_auth_token",
                "rocketchat_username",
                "rocketchat_password",
                "clear_rocketchat_password",
                "max_connections",
                "max_requests_per_second",
                "bulk_import",
                "big_run",
                "quiet_from",
                "quiet_until",
            ),
            "description": _(
                "Either user id and personal access token (recommended: created in "
                "Rocket.Chat under My account, Personal access tokens), or username and "
                "password. If both are given, the token is used."
            ),
        },
    ),
    (_("Moodle"), {"fields": ("moodle_url",)}),
    (
        _("Channels"),
        {
            "fields": (
                "name_template",
                "topic_template",
                "description_template",
                "announcement_template",
                "private_channels",
                "whole_course",
                "course_name_template",
                "empty_channels",
                "hidden_member_lists",
                "follow_renames",
                "plain_names",
                "adopt_channels",
            ),
        },
    ),
    (
        _("Accounts"),
        {
            "fields": (
                "accounts_for",
                "missing_accounts",
                "password_mail",
                "update_adopted_accounts",
                "deactivation",
                "deactivate_suspended",
                "deactivate_deleted",
                "deactivate_without_role",
                "deactivate_adopted",
                "respect_leavers",
                "protected_usernames",
                "grace_accounts",
            ),
        },
    ),
    (
        _("Memberships"),
        {
            "fields": (
                "remove_suspended",
                "remove_deleted",
                "remove_unenrolled",
                "remove_without_role",
                "grace_members",
            ),
            "description": _(
                "When people are removed from a channel. Only people added by rcsync are "
                "ever removed."
            ),
        },
    ),
    (
        _("When something ends"),
        {
            "fields": (
                "on_group_deleted",
                "on_pattern_unmatched",
                "on_group_hidden",
                "on_course_hidden",
                "on_course_deleted",
                "on_course_ended",
                "on_course_not_begun",
                "on_category_hidden",
                "on_course_removed",
                "grace_channels",
            ),
            "description": _(
                "A channel is never deleted. Archived channels keep their messages and are "
                "unarchived automatically when the reason is gone."
            ),
        },
    ),
    (
        _("Safety"),
        {
            "fields": (
                "limit_percent",
                "limit_from",
                "additions_go_on",
                "unexplained_percent",
                "shrink_percent",
                "shrink_from",
            ),
            "description": _("A run that would remove more than this waits for approval."),
        },
    ),
    (
        _("Background sync"),
        {
            "fields": (
                "full_pass_minutes",
                "full_pass_cron",
                "full_check_cron",
                "event_polling",
                "event_seconds",
                "history_days",
                "audit_days",
            ),
        },
    ),
    (
        _("Notification"),
        {
            "fields": (
                "notify_emails",
                "notify_room",
                "notify_after_failures",
                "notify_after_hours",
                "digest",
            ),
        },
    ),
    (
        _("In the course"),
        {
            "fields": ("help_contact", "sync_on_launch"),
            "description": _(
                "Channels and integrated courses have links that a teacher pastes into Moodle."
            ),
        },
    ),
)
