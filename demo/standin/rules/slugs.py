"""Technical names made of display names, as the server's library spells them (contract, 11.2).

Chinese becomes pinyin there. The table holds what was recorded and a little more; letters without
an entry are spelled as their number, which is unique and matches every pattern, but is not what a
real server would say.
"""

from __future__ import annotations

import re
import unicodedata

LETTERS = {
    "ä": "ae",
    "ö": "oe",
    "ü": "ue",
    "ß": "ss",
    "æ": "ae",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    **dict(zip("абвгдезийклмнопрстуфыэ", "abvgdezijklmnoprstufye", strict=True)),
    "ё": "yo",
    "ж": "zh",
    "х": "kh",
    "ц": "c",
    "ч": "ch",
    "ш": "sh",
    "щ": "shch",
    "ю": "yu",
    "я": "ya",
    "ь": "",
    "ъ": "",
    **dict(zip("ابتدرزسفقكلمنهوي", "abtdrzsfqklmnhwy", strict=True)),
    "ة": "h",
    "ج": "j",
    "ع": "a",
    "ش": "sh",
}
WORDS = {"<": "less-than", ">": "greater-than"}
SYLLABLES = {"日": "ri4", "本": "ben3", "語": "yu3", "语": "yu3", "小": "xiao3", "明": "ming2",
             "王": "wang2", "中": "zhong1", "文": "wen2", "班": "ban1"}  # fmt: skip


def slug(name: str) -> str:
    """The technical name; case is kept. Empty where no letter or digit is left."""
    spelled = "".join(_spelled(letter) for letter in name)
    return re.sub(r"[^0-9A-Za-z_]+", "-", spelled).strip("-")


def _spelled(letter: str) -> str:
    if letter.isascii():
        return f"-{WORDS[letter]}-" if letter in WORDS else letter
    if letter in SYLLABLES:
        return f"-{SYLLABLES[letter]}-"
    if letter.lower() in LETTERS:
        spelled = LETTERS[letter.lower()]
        return spelled.capitalize() if letter.isupper() else spelled
    if not letter.isalpha():  # marks on their own, emoji, blanks of any width
        return "-"
    folded = unicodedata.normalize("NFKD", letter)
    plain = "".join(char for char in folded if char.isascii() and char.isalnum())
    return plain or f"-u{ord(letter):x}-"
