"""REMOTE_USER: the proxy signs people in, and says in headers who they are."""

from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from integration.domain.sign_in import Proxy
from integration.services.sign_in.people import Person, user_of
from integration.services.sign_in.refusals import Refused

SECRET_HEADER = "X-Remote-User-Secret"  # noqa: S105  # a header's name
SOURCE = "REMOTE_USER"
BACKEND = "integration.services.sign_in.proxy.ProxyBackend"


class ProxyBackend(ModelBackend):
    """Permissions as for everybody. Signs in nobody by itself: `signed_in` does, on its one page,
    so that no other address ever looks at the headers.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Nobody."""


def signed_in(request: HttpRequest, proxy: Proxy) -> User:
    """The user whom the proxy names; Refused.

    A header that a visitor writes is worth nothing: what did not come through our proxy does not
    have the secret, and our proxy replaces these headers on this page.
    """
    given = request.headers.get(SECRET_HEADER, "")
    if not constant_time_compare(given.encode(), proxy.secret.encode()):
        why = f"{SECRET_HEADER} is {'wrong' if given else 'missing'}: not through the proxy"
        raise Refused("not-the-proxy", why)
    name = request.headers.get(proxy.user_header, "").strip()
    if not name:
        raise Refused("nobody", f"the proxy sent no {proxy.user_header}")
    groups = request.headers.get(proxy.groups_header, "").split(proxy.separator)
    person = Person(
        source=SOURCE,
        subject=name,
        names=(name,),
        email="",
        groups=frozenset(group.strip() for group in groups if group.strip()),
    )
    return user_of(person, settings.SIGN_IN.groups)
