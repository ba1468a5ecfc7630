"""The library's two views of OpenID Connect, with our settings and our page for refusals.

Imported only where OpenID Connect is switched on: the library is an extra.
"""

from typing import Any

import jwt
import requests
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from mozilla_django_oidc.views import OIDCAuthenticationCallbackView, OIDCAuthenticationRequestView

from integration.services.sign_in.openid import setting
from integration.services.sign_in.refusals import Advice, Refused


class Begin(OIDCAuthenticationRequestView):
    """Keeps state, nonce and PKCE's verifier in the session and sends the browser away."""

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        return setting(attr, *args)


class Callback(OIDCAuthenticationCallbackView):
    """Compares the state, fetches the token, signs in."""

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        return setting(attr, *args)

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """The sign-in, or Refused for whatever is wrong with the answer."""
        if request.GET.get("error"):
            why = "the provider sent the browser back without a code"
            raise Refused("provider", why, Advice.AGAIN)
        if not request.GET.get("code"):
            raise Refused("malformed", "no code came back", Advice.AGAIN)
        if request.GET.get("state", "") not in request.session.get("oidc_states", {}):
            raise Refused("state", "the state is not of this browser's session", Advice.AGAIN)
        try:
            answer: HttpResponseBase = super().get(request)
        except SuspiciousOperation as error:  # the library's own checks; its words hold no token
            raise Refused(_code(error), str(error), Advice.AGAIN) from None
        except requests.RequestException as error:
            why = f"the provider does not answer: {type(error).__name__}"
            raise Refused("provider", why, Advice.AGAIN) from None
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            why = f"the provider's answer is not understood: {type(error).__name__}"
            raise Refused("malformed", why) from None
        return answer

    def login_failure(self) -> HttpResponseBase:
        raise Refused("malformed", "the library let nobody in")


def _code(error: SuspiciousOperation) -> str:
    return "nonce" if "Nonce" in str(error) else "signature"
