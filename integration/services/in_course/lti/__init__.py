"""rcsync as a tool in Moodle (LTI 1.3): who opens the activity comes into their channel.

    start    Moodle names itself, we send the browser to its log-in with a fresh state and nonce
    launch   Moodle's signed answer names the person and the course; our own rows say where to go

Off until a platform is registered. Needs the extra "lti" (PyJWT). No cookie takes part, because
browsers withhold cookies when one site posts to another: the state is signed and carries the nonce,
which is used once. A launch signs nobody in to rcsync, so a state that somebody else got is of no
use to them.
"""

from importlib.util import find_spec

INSTALL = "./rcsync install --extra lti"


def is_installed() -> bool:
    """Whether the library that reads signed tokens is there."""
    return find_spec("jwt") is not None
