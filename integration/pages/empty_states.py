"""What an empty list says: what will stand there, and why there is nothing yet."""

from typing import Any, NamedTuple

from django.contrib.admin.views.main import ChangeList
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from integration.models import (
    AccountLink,
    AuditEntry,
    ChannelLink,
    Conflict,
    GroupRegexFilter,
    IncludedRole,
    IntegratedCourse,
    ManagedMembership,
    PendingEnding,
    RemovalLimit,
    SyncRun,
)

Text = str | Promise


class EmptyState(NamedTuple):
    """`view` and `action`: a link to what fills the list; "" where nobody fills it by hand."""

    title: Text
    text: Text
    view: str = ""
    action: Text = ""

    @property
    def url(self) -> str:
        return reverse(self.view) if self.view else ""


NOTHING_FOUND = EmptyState(
    _("Nothing matches"), _("No row of this list matches the search and the filters.")
)
ANY = EmptyState(_("Nothing here yet"), _("This list is empty."))
OPEN_ONES = {"status__exact": "open"}  # what the list of conflicts shows at first
START = "admin:index"
STATES: dict[type[Any], EmptyState] = {
    IntegratedCourse: EmptyState(
        _("No course is integrated yet"),
        _("Courses whose groups get channels will stand here. Choose them from Moodle."),
        "rcsync:courses",
        _("Add courses from Moodle"),
    ),
    SyncRun: EmptyState(
        _("No run yet"),
        _("Every preview and every sync will stand here, with what it changed and why."),
        START,
        _("Preview everything on the start page"),
    ),
    Conflict: EmptyState(
        _("No conflict"),
        _(
            "What rcsync does not decide by itself will stand here: a name that is taken, an "
            "address that belongs to another account. Nothing needs a decision now."
        ),
    ),
    ChannelLink: EmptyState(
        _("No channel yet"),
        _("Channels that rcsync made or took over will stand here after the first sync."),
        START,
        _("To the start page"),
    ),
    AccountLink: EmptyState(
        _("No account yet"),
        _("Accounts that rcsync made or linked will stand here after the first sync."),
        START,
        _("To the start page"),
    ),
    ManagedMembership: EmptyState(
        _("No membership yet"),
        _("Who is in which channel because of rcsync will stand here after the first sync."),
        START,
        _("To the start page"),
    ),
    PendingEnding: EmptyState(
        _("Nothing waits for its day"),
        _(
            "Removals with days of grace will stand here until their day comes. Without days of "
            "grace in the settings the list stays empty."
        ),
    ),
    AuditEntry: EmptyState(
        _("Nothing was changed yet"),
        _("Every change in Rocket.Chat, every decision and every setting will stand here."),
    ),
    GroupRegexFilter: EmptyState(
        _("No pattern yet"),
        _("Patterns say which groups get a channel. Without one, no group does."),
        "admin:integration_groupregexfilter_add",
        _("Add a pattern"),
    ),
    IncludedRole: EmptyState(
        _("No role is chosen yet"),
        _("Only people with a chosen role are put into channels. Without one, nobody is."),
        "rcsync:roles",
        _("Choose roles"),
    ),
    RemovalLimit: EmptyState(
        _("No limit of your own"),
        _("The limits of the settings hold. Limits that you add here hold as well."),
        "admin:integration_removallimit_add",
        _("Add a limit"),
    ),
}


def empty_state(rows: ChangeList) -> EmptyState:
    """What the list says that has no rows: of what a search or filter left out, that."""
    narrowed = rows.query or rows.has_active_filters
    if narrowed and not (rows.model is Conflict and rows.params == OPEN_ONES and not rows.query):
        return NOTHING_FOUND
    return STATES.get(rows.model, ANY)
