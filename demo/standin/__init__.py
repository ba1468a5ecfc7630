"""A stand-in Rocket.Chat: a real HTTP server with the endpoints a sync uses and their rules."""

from demo.standin.constants import (
    ADMIN_EMAIL,
    ADMIN_ID,
    ADMIN_PASSWORD,
    ADMIN_TOKEN,
    ADMIN_TOKEN_WITH_2FA,
    ADMIN_USERNAME,
)
from demo.standin.server import StandIn
from demo.standin.state.options import Options

__all__ = [
    "ADMIN_EMAIL",
    "ADMIN_ID",
    "ADMIN_PASSWORD",
    "ADMIN_TOKEN",
    "ADMIN_TOKEN_WITH_2FA",
    "ADMIN_USERNAME",
    "Options",
    "StandIn",
]
