"""What Django's own scripts say on our pages, where its German catalogue lacks it."""

from django.utils.translation import gettext, gettext_noop
from django.views.i18n import JavaScriptCatalog

TEXTS = (
    gettext_noop("(click to clear)"),
    gettext_noop('Choose %s by selecting them and then select the "Choose" arrow button.'),
    gettext_noop("Choose all %s"),
    gettext_noop("Choose selected %s"),
    gettext_noop('Remove %s by selecting them and then select the "Remove" arrow button.'),
    gettext_noop("Remove all %s"),
    gettext_noop("Remove selected %s"),
)


class ScriptTexts(JavaScriptCatalog):
    """The catalogue that the admin's pages load, with our words for what Django does not translate.

    It stands at the admin's own address, which its pages ask for.
    """

    packages = ["django.contrib.admin"]

    def get_catalog(self) -> dict[str, list[str] | str]:
        return {**super().get_catalog(), **{text: gettext(text) for text in TEXTS}}
