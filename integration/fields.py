"""Columns of our tables that Django does not have.

`SaidField` and `SaidJSONField` keep with a sentence what it was made of, so that a page can say it
in another language. `SecretField` is encrypted at rest.

Keys come from RCSYNC_SECRET_KEYS: the first one encrypts, all of them decrypt, so keys can be
rotated. A value that none of them opens is an error and never silently empty or passed through.
"""

from collections.abc import Callable
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction

from integration.domain.errors import ConfigurationError
from integration.domain.messages import msg, packed, packed_to_search, unpacked
from integration.domain.secret import Secret


class MessageField(models.TextField):
    """Text that may be a `Said`; what comes from the database is one again."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return value and unpacked(value)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return packed_to_search(value) if isinstance(value, str) else value


class MessageJSONField(models.JSONField):
    """JSON in which any text may be a `Said`."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return _every_text(super().from_db_value(value, expression, connection), unpacked)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, dict | list):
            value = _every_text(value, packed)
        return super().get_db_prep_value(value, connection, prepared)


def _every_text(value: Any, change: Callable[[str], str]) -> Any:
    """The same JSON with every text in it changed; names of members stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _every_text(one, change) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_every_text(one, change) for one in value]
    return value


class UnreadableSecret(ConfigurationError, ImproperlyConfigured):
    """A stored secret that none of the keys opens: a run ends with it, a page says it."""


class SecretField(models.TextField):
    """Text in Python, a Fernet token in the database; "" stays "".

    What comes from the database is a Secret: dumped frames and logs do not give it away.
    """

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if not value:
            return value
        try:
            return Secret(_fernet().decrypt(value.encode()).decode())
        except InvalidToken:
            raise UnreadableSecret(
                msg(
                    "The stored {secret} cannot be decrypted: the key that encrypted it is not in "
                    "RCSYNC_SECRET_KEYS.",
                    secret=str(self.verbose_name),
                ),
                hint=msg("Put the old key back, or empty the field and enter the secret again."),
            ) from None

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return _fernet().encrypt(value.encode()).decode() if value else value


class OwnSecretField(SecretField):
    """A secret that rcsync made by itself and that must not keep it from working.

    Encrypted where RCSYNC_SECRET_KEYS has a key, readable without one; `rotate` encrypts it later.
    """

    READABLE = "readable:"  # no Fernet token begins like this

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        if value and value.startswith(self.READABLE):
            return Secret(value.removeprefix(self.READABLE))
        return super().from_db_value(value, expression, connection)

    def get_prep_value(self, value: Any) -> Any:
        if value and not settings.RCSYNC_SECRET_KEYS:
            return f"{self.READABLE}{value}"
        return super().get_prep_value(value)


def secret_fields(model: type[models.Model]) -> list[str]:
    """Names of the fields of a model whose values nobody may see."""
    return [field.name for field in model._meta.concrete_fields if isinstance(field, SecretField)]


def rotate() -> int:
    """Encrypt every stored secret anew with the first key, all or none; how many there were."""
    count = 0
    with transaction.atomic():
        for model in apps.get_models():
            names = secret_fields(model)
            if not names:
                continue
            for row in model._default_manager.all():
                model._base_manager.filter(pk=row.pk).update(
                    **{name: getattr(row, name) for name in names}
                )
                count += sum(bool(getattr(row, name)) for name in names)
    return count


def _fernet() -> MultiFernet:
    keys = settings.RCSYNC_SECRET_KEYS
    if not keys:
        raise ImproperlyConfigured(
            "RCSYNC_SECRET_KEYS is not set, so no secret can be stored in the database. Set it to "
            "a key made with `./rcsync make-key`, or give the secret through the environment."
        )
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise ImproperlyConfigured(
            "RCSYNC_SECRET_KEYS holds something that is not a key. "
            "Make one with `./rcsync make-key`."
        ) from None
