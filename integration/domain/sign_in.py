"""The ways to sign in besides name and password, as the environment switches them on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from integration.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class OpenId:
    """The provider, and rcsync's registration there. `issuer` is compared letter by letter."""

    issuer: str
    client_id: str
    client_secret: Secret
    groups_claim: str
    scopes: str
    label: str


@dataclass(frozen=True, slots=True)
class Proxy:
    """The headers in which the proxy says who signed in, and the secret that proves it is ours."""

    user_header: str
    groups_header: str
    separator: str
    secret: Secret
    label: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is switched on, and for each of our groups which groups outside are that one."""

    openid: OpenId | None = None
    proxy: Proxy | None = None
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    contact: str = ""  # whom somebody asks who is not let in

    @property
    def secrets(self) -> list[str]:
        """What may leave this machine in no report."""
        openid = self.openid.client_secret if self.openid else ""
        return [str(openid), str(self.proxy.secret if self.proxy else "")]
