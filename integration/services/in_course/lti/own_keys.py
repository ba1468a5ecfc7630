"""The tool's own key pairs, as Moodle reads them from our keyset."""

import secrets
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from integration.models import LtiKey

PUBLISHED_DAYS = 7  # so long a replaced key can still be found
BITS = 2048


def current_key() -> LtiKey:
    """The newest; made where there is none. ImproperlyConfigured without RCSYNC_SECRET_KEYS."""
    return LtiKey.objects.filter(replaced_at=None).first() or _make()


def rotate() -> LtiKey:
    """A new key. The others stay published for a week, then they are forgotten."""
    new = _make()
    now = timezone.now()
    LtiKey.objects.filter(replaced_at=None).exclude(pk=new.pk).update(replaced_at=now)
    LtiKey.objects.filter(replaced_at__lt=now - timedelta(days=PUBLISHED_DAYS)).delete()
    return new


def keyset() -> dict[str, Any]:
    """The JSON Web Key Set: public halves only."""
    oldest = timezone.now() - timedelta(days=PUBLISHED_DAYS)
    return {"keys": [_public(row) for row in LtiKey.objects.exclude(replaced_at__lt=oldest)]}


def check(row: LtiKey) -> bool:
    """Whether what the private half signs the published half verifies."""
    import jwt

    signed = jwt.encode({"test": True}, row.private_key, algorithm="RS256")
    key = jwt.PyJWK.from_dict(_public(row)).key
    return bool(jwt.decode(signed, key, algorithms=["RS256"])["test"])


def _public(row: LtiKey) -> dict[str, Any]:
    from jwt.algorithms import RSAAlgorithm

    private = serialization.load_pem_private_key(row.private_key.encode(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("the tool's key is not an RSA key")
    numbers = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {"kty": "RSA", "n": numbers["n"], "e": numbers["e"]} | {
        "kid": row.kid,
        "alg": "RS256",
        "use": "sig",
    }


def _make() -> LtiKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return LtiKey.objects.create(kid=secrets.token_urlsafe(12), private_key=pem.decode())
