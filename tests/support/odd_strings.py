"""Some five hundred names that nobody should have and somebody has: for groups and people.

Made of rules rather than copied from a list: what breaks programs is a handful of kinds, each in
many shapes.
"""

import unicodedata

PERCENT = ("%", "%%", "100 %", "50% M", "%E4", "%3C", "%41", "%2F", "%00", "%zz", "a%b%c", "%C3%BC")
MARKUP = (
    "<b>bold</b>", "<", ">", "a < b > c", "</title>",
    "<script>alert(1)</script>", "<img src=x>",
    "&lt;i&gt;", "&amp;", "&#60;", "<!-- x -->", "<![CDATA[x]]>", "<svg/onload=alert(1)>",
    "{mlang en}A{mlang}", "<span lang='en' class='multilang'>B</span>",
)  # fmt: skip
CODE = (
    "'; DROP TABLE mdl_groups; --", "1 OR 1=1", "' OR ''='", '"; --', "$(id)", "`id`", "${7*7}",
    "{{7*7}}", "{% now %}", "#{7*7}", "%s%s%n", "%(name)s",
    "{0}{1}", "{course}{group}", "$where",
    "$gt", "__proto__", "constructor", "toString", "NaN",
    "Infinity", "null", "undefined", "None",
    "true", "false", "0x1F", "1e309", "-0", "007", "1,000.00", "=1+1", "+1", "-1+1", "@SUM(A1)",
    "../../etc/passwd", "C:\\Windows", "\\\\host\\share", "CON",
    "nul", "file:///etc", "//x", "a/b",
    "javascript:alert(1)", "mailto:x",
    "http://x.invalid/?a=b&c=d#e", "a\\nb", "a\\", "\\x00", "\\",
    "%0d%0aSet-Cookie: a=b", "(){ :;};", "!#$%&'*+", "^~|", "[]", "[[x]]", "(()", "***", "///",
    "---", "...", ".", "..", "_", "___", "-", "~", "#general",
    "@all", "@here", ":smile:", "!", "?",
)  # fmt: skip
RESERVED = (
    "all", "here", "admin", "administrator", "system", "user",
    "general", "GENERAL", "All", "ADMIN",
    "rocket.cat", "rcsync-bot", "livechat", "channel", "group",
    "direct", "user!", "Admin ", "guest",
)  # fmt: skip
LETTERS = (
    "Ünal", "Æsir", "Łódź", "Straße", "İstanbul", "ıI", "Ǆ",
    "ﬁne", "ﷺ", "Ω≈ç√∫", "ЁЖЩ", "група 1",
    "Ελληνικά", "עברית", "עִבְרִית", "مجموعة", "مُحَمَّد", "فارسی", "हिन्दी", "தமிழ்", "ไทย", "ქართული",
    "հայերեն", "አማርኛ", "ខ្មែរ", "မြန်မာ", "한국어", "日本語", "小组一", "繁體中文", "ひらがな",
    "カタカナ", "ｶﾀｶﾅ", "𠜎𠜱𠝹", "𝕳𝖊𝖑𝖑𝖔", "ⓐⓑⓒ", "ｆｕｌｌ", "ᴀʙᴄ",
    "①②③", "²³", "½", "٣٤", "Ⅷ", "№ 5",
)  # fmt: skip
PICTURES = (
    "🐘", "🐘🐘🐘", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "1️⃣", "☃", "♥", "©®™",
    "→", "✓ done", "🐘 1", "A🐘B", "𓂀", "␀",
    "°", "§ 5", "€ 10", "£", "¿Qué?", "…", "–", "—", "«x»", "„x“",
    "'x'", "’", "¯\\_(ツ)_/¯", "(╯°□°)╯",
)  # fmt: skip
UNSEEN = (
    "\u200b", "\u200b\u200b", "a\u200bb", "\ufeffx", "x\u2060",
    "\u00ad", "so\u00adft", "\u202ex",
    "\u202eabc\u202c", "\u2066x\u2069", "\u061c", "\u180e", "\u3164", "\u2800", "\U000e0041",
    "\ufe0f", "a\ufe0f", "\u0301", "\u0301\u0301", "\u20dd", "\ufffd", "\uffff", "\ue000",
    "\x01", "\x1b[31mred", "a\tb", "a\nb", "a\r\nb", "\x7f", "\x85", "\u2028", "\u2029", "\x0b",
)  # fmt: skip
BLANKS = tuple(
    f"{left}pad{right}"
    for blank in (" ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\u200a")
    for left, right in ((blank, ""), ("", blank), (blank, blank), (blank * 3, blank * 3))
)
ONLY_BLANKS = (" ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u2003")
TWINS = tuple(
    shape
    for word in ("Übung 1", "Gruppe é", "Ångström", "Team x", "Group A", "ñandú", "한글")
    for shape in (
        word,
        unicodedata.normalize("NFD", word),
        word.upper(),
        word.lower(),
        word.replace(" ", "-"),
        word.replace(" ", "_"),
        f"{word}.",
        f"{word}!",
    )
)
LONG = tuple(
    piece * times
    for piece in ("a", "é", "語", "🐘", "a ", "a-", ".", "%", "<", "e\u0301", "W" * 9 + " ")
    for times in (40, 80, 81)
)
NUMBERS = tuple(
    str(number) for number in (0, 1, -1, 42, 2**31, 2**63, 10**30, 1.5, 1e-7, "0.0", "1/2", "1-1")
)
AROUND = tuple(
    f"{before}{word}{after}"
    for word in ("name", "Ж", "組", "O'Neil", "R&D")
    for before, after in (
        ("'", "'"), ('"', '"'), ("(", ")"), ("<", ">"), ("[", "]"), ("{", "}"), ("%", "%"),
        ("&", ";"), ("#", ""), ("@", ""), ("/", "/"), ("\\", "\\"), (".", "."), ("-", "-"),
        ("_", "_"), ("\u200d", "\u200d"), ("\u0301", "\u0301"),
        ("🐘", "🐘"), ("*", "*"), ("~", "~"),
        ("|", "|"), ("^", "^"), ("`", "`"), ("$", ""), ("=", ""),
        ("+", ""), (";", ";"), (":", ":"),
        (",", ","), ("!", "?"), ("…", "…"), ("«", "»"),
        ("\u202a", "\u202c"), ("\u2007", "\u2007"),
    )
)  # fmt: skip

ODD_STRINGS: tuple[str, ...] = tuple(
    dict.fromkeys(
        text[:100].replace("\x00", "")  # mdl_user.firstname holds 100 characters
        for some in (
            PERCENT, MARKUP, CODE, RESERVED, LETTERS, PICTURES, UNSEEN, BLANKS, ONLY_BLANKS, TWINS,
            LONG, NUMBERS, AROUND,
        )
        for text in some
    )
)  # fmt: skip
