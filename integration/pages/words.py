"""Words that reach the pages from below, where nothing is translated: named here for
makemessages.
"""

from django.utils.translation import gettext_noop

OPERATIONS = (
    gettext_noop("adopt account"),
    gettext_noop("create account"),
    gettext_noop("update account"),
    gettext_noop("activate account"),
    gettext_noop("deactivate account"),
    gettext_noop("adopt channel"),
    gettext_noop("create channel"),
    gettext_noop("rename channel"),
    gettext_noop("set topic"),
    gettext_noop("make read-only"),
    gettext_noop("add members"),
    gettext_noop("remove member"),
    gettext_noop("give room role"),
    gettext_noop("take room role"),
    gettext_noop("archive channel"),
    gettext_noop("unarchive channel"),
)
