"""The accounts and rooms every stand-in starts with."""

ADMIN_ID = "rcsync-bot-id"
ADMIN_USERNAME = "rcsync-bot"
ADMIN_PASSWORD = "rcsync-bot"
ADMIN_EMAIL = "rcsync-bot@example.invalid"

# A personal access token made with `bypassTwoFactor`: what a set-up service would use.
ADMIN_TOKEN = "standin-token-rcsync-bot-bypasses-2fa-0001"
# A personal access token made without it: `users.update` asks it for a second factor.
ADMIN_TOKEN_WITH_2FA = "standin-token-rcsync-bot-asked-for-2fa-0002"

GENERAL_ID = "GENERAL"
CAT_ID = "rocket.cat"

LONG_AGO = "2020-01-01T00:00:00.000Z"
