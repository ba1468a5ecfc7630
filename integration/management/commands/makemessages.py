"""`makemessages` that also finds the sentences of `integration/services/wording.py`."""

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    xgettext_options = [
        *makemessages.Command.xgettext_options,
        "--keyword=said",
        "--keyword=counted:1,2",
    ]
