"""A new server: its settings and permissions, its first accounts and its first channel."""

from __future__ import annotations

import secrets

from demo.standin.constants import (
    ADMIN_EMAIL,
    ADMIN_ID,
    ADMIN_PASSWORD,
    ADMIN_TOKEN,
    ADMIN_TOKEN_WITH_2FA,
    ADMIN_USERNAME,
    CAT_ID,
    GENERAL_ID,
    LONG_AGO,
)
from demo.standin.dialects import Dialect
from demo.standin.state import defaults
from demo.standin.state.clock import now_iso
from demo.standin.state.world import ServerState


def fresh_world(dialect: Dialect, *, young_admin: bool = False) -> ServerState:
    """The administrator with two access tokens, rocket.cat and the channel "general"."""
    world = ServerState(dialect)
    fill_settings(world)
    _add_first_accounts(world, now_iso() if young_admin else LONG_AGO)
    world.changes = 0
    return world


def fill_settings(world: ServerState) -> None:
    """Puts the settings and permissions of a new server in place."""
    dialect = world.dialect
    patterns = (dialect.name_pattern_setting, dialect.user_name_pattern_setting)
    public = defaults.PUBLIC_SETTINGS | dict.fromkeys(patterns, defaults.NAME_PATTERN)
    private, permissions = defaults.PRIVATE_SETTINGS, defaults.PERMISSIONS
    if dialect.at_least(6, 5):
        public |= defaults.LATER_PUBLIC_SETTINGS
        private = private | defaults.LATER_PRIVATE_SETTINGS
        permissions = permissions | defaults.LATER_PERMISSIONS
    if dialect.at_least(8, 0):
        public |= defaults.NEWER_PUBLIC_SETTINGS
    if dialect.at_least(8, 3):
        permissions = permissions | defaults.NEWER_PERMISSIONS
    if dialect.at_least(8, 8):
        public |= defaults.NEWEST_PUBLIC_SETTINGS
    public |= {"uniqueID": secrets.token_hex(8)}  # of this workspace; its state file keeps it
    world.settings = public | private
    world.public_settings = set(public)
    world.permissions = {name: list(roles) for name, roles in permissions.items()}
    if dialect.at_least(8, 0):
        world.roles.add(defaults.FEDERATED_ROLE)
        for name in defaults.FEDERATED_PERMISSIONS:
            roles = world.permissions[name]
            roles.insert(roles.index("user") + 1, defaults.FEDERATED_ROLE)


def _add_first_accounts(world: ServerState, made_at: str) -> None:
    admin = world.add_user(
        ADMIN_USERNAME,
        id=ADMIN_ID,
        name="rcsync bot",
        email=ADMIN_EMAIL,
        password=ADMIN_PASSWORD,
        roles=("admin",),
        created_at=made_at,
        made_by_api=False,
    )
    cat = world.add_user(
        CAT_ID, id=CAT_ID, name="Rocket.Cat", roles=("bot",), type="bot", made_by_api=False
    )
    world.add_room(
        "general",
        cat,
        "c",
        id=GENERAL_ID,
        fname=None,
        ro=None,
        default=True,
        custom_fields=None,
        system_messages=None,
        extra={"usernames": []},
    )
    world.add_token(admin, ADMIN_TOKEN, name="rcsync", bypass_two_factor=True)
    world.add_token(admin, ADMIN_TOKEN_WITH_2FA, name="rcsync-2fa")
