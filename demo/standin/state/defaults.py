"""Settings, roles and permissions of a fresh server.

Values as recorded on 3.11.4 and 6.5.3; permissions as in the contract, section 1.3.
Only what a sync asks about is kept.
"""

from __future__ import annotations

from typing import Any

ROLES = (
    "admin",
    "moderator",
    "leader",
    "owner",
    "user",
    "bot",
    "app",
    "guest",
    "anonymous",
    "livechat-agent",
    "livechat-manager",
)

NAME_PATTERN = "[0-9a-zA-Z-_.]+"

PUBLIC_SETTINGS: dict[str, Any] = {
    "API_Drupal_URL": "",
    "API_Embed": True,
    "API_Use_REST_For_DDP_Calls": True,
    "API_User_Limit": 500,
    "Accounts_AllowedDomainsList": "",
    "Accounts_CustomFields": "",
    "Accounts_EmailVerification": False,
    "Accounts_LoginExpiration": 90,
    "Accounts_ManuallyApproveNewUsers": False,
    "Accounts_Password_Policy_Enabled": False,
    "Accounts_Password_Policy_MinLength": 7,
    "Accounts_Registration_Users_Default_Roles": "user",
    "Accounts_RequireNameForSignUp": True,
    "Accounts_TwoFactorAuthentication_By_Email_Enabled": True,
    "Accounts_TwoFactorAuthentication_By_TOTP_Enabled": True,
    "Accounts_TwoFactorAuthentication_Enabled": True,
    "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback": True,
    "Hide_System_Messages": [],
    "Site_Name": "Stand-in Rocket.Chat",
    "UI_Allow_room_names_with_special_chars": False,
    "UI_Use_Real_Name": False,
    "UTF8_Names_Slugify": True,
}

# Unknown to 3.11.
LATER_PUBLIC_SETTINGS: dict[str, Any] = {
    "API_Apply_permission_view-outside-room_on_users-list": False,
    "Accounts_AllowEmailChange": True,
    "Accounts_AllowRealNameChange": True,
    "Accounts_AllowUsernameChange": True,
    "Accounts_Password_Policy_MaxLength": -1,
    "Accounts_RegistrationForm": "Public",
    "E2E_Allow_Unencrypted_Messages": False,
    "E2E_Enable": False,
    "E2E_Enabled_Default_PrivateRooms": False,
}
LATER_PRIVATE_SETTINGS: dict[str, Any] = {
    "Block_Multiple_Failed_Logins_Attempts_Until_Block_by_User": 10,
    "Block_Multiple_Failed_Logins_Enabled": True,
    "Block_Multiple_Failed_Logins_Time_To_Unblock_By_User_In_Minutes": 5,
}

# From 8.0 on the password policy is on.
NEWER_PUBLIC_SETTINGS: dict[str, Any] = {
    "Accounts_Password_Policy_Enabled": True,
    "Accounts_Password_Policy_MinLength": 14,
}

# From 8.8 on; unobserved.
NEWEST_PUBLIC_SETTINGS: dict[str, Any] = {
    "ABAC_Enabled": False,
    "E2E_Force_Encryption_For_Private_Rooms": False,
}

PRIVATE_SETTINGS: dict[str, Any] = {
    "API_Allow_Infinite_Count": True,
    "API_CORS_Origin": "*",
    "API_Default_Count": 50,
    "API_Enable_Rate_Limiter": True,
    "API_Enable_Rate_Limiter_Limit_Calls_Default": 10,
    "API_Enable_Rate_Limiter_Limit_Time_Default": 60000,
    "API_Upper_Count_Limit": 100,
    "Accounts_BlockedDomainsList": "",
    "Accounts_BlockedUsernameList": "",
    "Accounts_Password_Policy_AtLeastOneLowercase": True,
    "Accounts_Password_Policy_AtLeastOneNumber": True,
    "Accounts_Password_Policy_AtLeastOneSpecialCharacter": True,
    "Accounts_Password_Policy_AtLeastOneUppercase": True,
    "Accounts_Password_Policy_ForbidRepeatingCharacters": True,
    "Accounts_Password_Policy_ForbidRepeatingCharactersCount": 3,
    "Accounts_Send_Email_When_Activating": True,
    "Accounts_Send_Email_When_Deactivating": True,
    "Accounts_SetDefaultAvatar": True,
    "Accounts_SystemBlockedUsernameList": "admin,administrator,system,user",
    "Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In": True,
    "Accounts_TwoFactorAuthentication_MaxDelta": 1,
    "Accounts_TwoFactorAuthentication_RememberFor": 1800,
    "SMTP_Host": "",
}

_ADMIN = ["admin"]
_ROOM_STAFF = ["admin", "owner", "moderator"]
_OWNERS = ["admin", "owner"]
_EVERYONE = ["admin", "user", "bot", "app"]

PERMISSIONS: dict[str, list[str]] = {
    "access-permissions": _ADMIN,
    "add-user-to-any-c-room": _ADMIN,
    "add-user-to-any-p-room": [],
    "add-user-to-joined-room": _ROOM_STAFF,
    "api-bypass-rate-limit": ["admin", "bot", "app"],
    "archive-room": _OWNERS,
    "assign-admin-role": _ADMIN,
    "assign-roles": _ADMIN,
    "create-c": _EVERYONE,
    "create-d": _EVERYONE,
    "create-p": _EVERYONE,
    "create-personal-access-tokens": ["admin", "user"],
    "create-user": _ADMIN,
    "delete-c": _OWNERS,
    "delete-p": _OWNERS,
    "delete-user": _ADMIN,
    "edit-other-user-active-status": _ADMIN,
    "edit-other-user-info": _ADMIN,
    "edit-other-user-password": _ADMIN,
    "edit-privileged-setting": _ADMIN,
    "edit-room": _ROOM_STAFF,
    "leave-c": ["admin", "user", "bot", "anonymous", "app"],
    "leave-p": ["admin", "user", "bot", "anonymous", "app"],
    "remove-user": _ROOM_STAFF,
    "run-import": _ADMIN,
    "set-leader": _OWNERS,
    "set-moderator": _OWNERS,
    "set-owner": _OWNERS,
    "set-readonly": _OWNERS,
    "unarchive-room": _ADMIN,
    "view-c-room": ["admin", "user", "bot", "app", "anonymous"],
    "view-d-room": ["admin", "user", "bot", "app", "guest"],
    "view-full-other-user-info": _ADMIN,
    "view-joined-room": ["guest", "bot", "app", "anonymous"],
    "view-other-user-channels": _ADMIN,
    "view-outside-room": ["admin", "owner", "moderator", "user"],
    "view-p-room": ["admin", "user", "anonymous", "guest"],
    "view-privileged-setting": _ADMIN,
    "view-room-administration": _ADMIN,
    "view-statistics": _ADMIN,
    "view-user-administration": _ADMIN,
}

# Unknown to 3.11.
LATER_PERMISSIONS: dict[str, list[str]] = {
    "create-team": ["admin", "user"],
    "view-all-teams": _ADMIN,
    "send-mail": _ADMIN,
    "kick-user-from-any-c-room": _ADMIN,
    "kick-user-from-any-p-room": [],
}

# From 8.0 on; the role holds what it needs to talk to people elsewhere.
FEDERATED_ROLE = "federated-external"
FEDERATED_PERMISSIONS = ("create-c", "create-d", "create-p", "view-c-room", "view-d-room",
                         "view-outside-room", "view-p-room")  # fmt: skip

# From 8.3 on.
NEWER_PERMISSIONS: dict[str, list[str]] = {"ban-user": _ROOM_STAFF}
