"""`makemessages` that also finds the messages of `integration/domain/messages.py`.

Without arguments it brings the catalogues of all languages up to date; what is new is left empty,
and tests/admin/test_translations.py says so.
"""

from typing import Any

from django.core.management.commands import makemessages

LANGUAGES = ["de", "es", "fr"]
OURS = [".venv", "tests", "benchmarks", "var"]


class Command(makemessages.Command):
    xgettext_options = [
        *makemessages.Command.xgettext_options,
        "--keyword=msg",
        "--keyword=counted:1,2",
    ]
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching"]

    def handle(self, *args: Any, **options: Any) -> None:
        options["locale"] = options["locale"] or LANGUAGES
        options["ignore_patterns"] = [*options["ignore_patterns"], *OURS]
        options |= {"no_location": True, "no_wrap": True, "no_obsolete": True}
        super().handle(*args, **options)
