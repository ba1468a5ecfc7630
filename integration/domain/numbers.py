"""Numbers that people and browsers send: only what every database takes as an id is one."""

MOST_DIGITS = 18  # 64 bits with a sign hold every number of 18 digits


def whole_number(text: str) -> int | None:
    """The number, None for everything that is no plain number of at most 18 digits."""
    plain = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if plain else None


def whole_numbers(texts: list[str]) -> list[int]:
    """Those of them that are numbers, each once, in order."""
    found = {whole_number(text) for text in texts}
    return sorted(number for number in found if number is not None)
