"""Where the server is, which account rcsync uses, and the limits on requests. Invalid values are
refused at once.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from integration.domain.addresses import is_refused, number_of
from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg
from integration.domain.secret import Secret

MEGABYTE = 1024 * 1024
HEADER_VALUE = re.compile(r"[!-~]+")
API_SUFFIX = re.compile(r"(/api(/v1)?)?/*$")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user id with a token (a personal access token is best), or a username with a password.

    `second_factor_password` is the bot's password, sent as second factor where the server asks for
    one; with a username and a password it is that password unless given.
    """

    user_id: str = ""
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    second_factor_password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in ("token", "password", "second_factor_password"):
            object.__setattr__(self, name, Secret(getattr(self, name)))
        if self.user_id or self.token:
            self._check_token()
        elif not (self.username and self.password):
            raise ConfigurationError(
                msg("There are no credentials for Rocket.Chat."),
                hint=msg("Set the bot's user id and access token, or its username and password."),
            )

    def _check_token(self) -> None:
        for value, missing, unfit in (
            (
                self.user_id,
                msg("The user id of the Rocket.Chat bot is missing."),
                msg("The user id of the Rocket.Chat bot contains a space or a special character."),
            ),
            (
                self.token,
                msg("The access token of the Rocket.Chat bot is missing."),
                msg(
                    "The access token of the Rocket.Chat bot contains a space or a special "
                    "character."
                ),
            ),
        ):
            if not value:
                hint = msg(
                    "Set both; Rocket.Chat shows user id and token when the token is created."
                )
                raise ConfigurationError(missing, hint=hint)
            if not HEADER_VALUE.fullmatch(value):
                hint = msg("Copy it again, without anything before or after it.")
                raise ConfigurationError(unfit, hint=hint)

    @property
    def by_password(self) -> bool:
        """Whether we have to log in (and out) instead of bringing a token."""
        return not self.token

    @property
    def factor(self) -> str:
        """The password that answers a request for a second factor, "" when it is not known."""
        return self.second_factor_password or self.password


@dataclass(frozen=True, slots=True)
class Connection:
    """One server and the manners towards it. Times are seconds.

    `read_timeout` is the longest silence of the server; `long_read_timeout` the same for bulk
    reads, for creating accounts and channels, and for the version. `max_rps` None = as fast as the
    server lets us.
    `allowed_networks`: addresses to talk to although they are link-local or a cloud's metadata.
    `installation` is the id of our database, which the rooms that we make carry in their mark.
    """

    url: str
    credentials: Credentials
    ca_file: str = ""
    verify_tls: bool = True
    connect_timeout: float = 3.0
    read_timeout: float = 15.0
    long_read_timeout: float = 120.0
    max_connections: int = 8
    max_rps: float | None = None
    max_answer_bytes: int = 64 * MEGABYTE
    allowed_networks: tuple[str, ...] = ()
    installation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", normal_url(self.url))
        check_addresses(self.url, [urlsplit(self.url).hostname or ""], self.allowed_networks)
        if self.max_connections < 1:
            raise ConfigurationError(
                msg("The number of connections to Rocket.Chat has to be 1 or more.")
            )
        if self.max_rps is not None and self.max_rps <= 0:
            raise ConfigurationError(
                msg("The requests per second to Rocket.Chat have to be more than 0.")
            )
        if min(self.connect_timeout, self.read_timeout, self.long_read_timeout) <= 0:
            raise ConfigurationError(
                msg("The time-outs for Rocket.Chat have to be more than 0 seconds.")
            )
        if self.verify_tls and self.ca_file and not Path(self.ca_file).exists():
            raise ConfigurationError(
                msg("The file of certificate authorities {path} does not exist.", path=self.ca_file)
            )

    @property
    def verify(self) -> bool | str:
        """What requests calls `verify`."""
        return (self.ca_file or True) if self.verify_tls else False


def check_addresses(url: str, addresses: Iterable[str], allowed: Collection[str]) -> None:
    """ConfigurationError for an IP address that nothing may be sent to. Names pass."""
    for address in addresses:
        try:
            refused = is_refused(address, allowed)
        except ValueError:  # a name: looked up when it is connected to
            continue
        if refused:
            number = str(number_of(address))
            raise ConfigurationError(
                msg(
                    "The address of Rocket.Chat {url} leads to {ip}, where no Rocket.Chat is: a "
                    "link-local address, or one where a cloud tells a machine about itself.",
                    url=url,
                    ip=number,
                ),
                hint=msg(
                    "Correct the address. If it is right, set RCSYNC_ALLOWED_NETWORKS={ip} in the "
                    "environment.",
                    ip=number,
                ),
            )


def normal_url(url: str) -> str:
    """The address without trailing slash and /api/v1, path prefix kept; or ConfigurationError."""
    text = url.strip()
    if not text:
        raise ConfigurationError(
            msg("The address of Rocket.Chat is missing."),
            hint=msg("Enter it, including https://."),
        )
    if "@" in text:
        raise ConfigurationError(
            msg("The address of Rocket.Chat must not contain a user name or a password."),
            hint=msg("Enter them in their own settings."),
        )
    if "://" not in text:
        raise ConfigurationError(
            msg(
                "The address of Rocket.Chat {url} does not begin with http:// or https://.",
                url=repr(text),
            ),
            hint=msg("Write {url}", url=f"https://{text}"),
        )
    parts = _split(text)
    return f"{parts.scheme}://{parts.netloc}{API_SUFFIX.sub('', parts.path)}"


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        parts, valid = SplitResult("", "", "", "", ""), False
    if not valid or re.search(r"\s", text):
        raise ConfigurationError(
            msg("The address of Rocket.Chat {url} is not a web address.", url=repr(text)),
            hint=msg("Write it like https://chat.example.org"),
        )
    if parts.query or parts.fragment:
        raise ConfigurationError(
            msg("The address of Rocket.Chat {url} has something after the path.", url=repr(text)),
            hint=msg("Leave out everything from ? or # on."),
        )
    return parts
