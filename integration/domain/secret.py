"""Strings that must not be shown: in representations, log lines, error texts and debug pages."""

import re
from collections.abc import Iterable
from typing import SupportsIndex

HIDDEN = "***"
LONG = 12  # no ordinary text holds a secret of so many characters by chance


class Secret(str):
    """A string whose `repr` hides it: dumped frames and dataclasses do not give it away."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN) if self else "''"

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with every one of `secrets` hidden, for words that came from outside.

    A short secret is hidden only where it stands for itself: the password "roup" is no reason to
    write mdl_g***s.
    """
    for secret in secrets:
        pattern = re.escape(str(secret))
        if len(secret) < LONG:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        if secret:
            text = re.sub(pattern, HIDDEN, text)
    return text
