"""What an entry of the audit trail says, as a sentence in the reader's language.

Entries are stored in English. Those of operations are taken apart by the pattern that made them, so
that the sentence can be said in another language; what fits no pattern is shown as it is stored.
"""

import re
from collections.abc import Mapping

from integration.domain.messages import Message, Value, counted, msg
from integration.domain.operations import ROLES, kinds
from integration.models import AuditEntry, Conflict
from integration.translation import local

Kind, Result = AuditEntry.ActorKind, AuditEntry.Result

OPERATIONS = (
    (
        "create_account",
        "create account {who} ({name}, {email})",
        msg("{by} created the account {who}"),
    ),
    ("adopt_account", "adopt account {who}", msg("{by} took over the account {who}")),
    ("adopt_account", "store account {who}", msg("{by} recorded the account {who}")),
    ("update_account", "update account {who}: {changes}", msg("{by} changed the account {who}")),
    ("activate", "activate account {who}", msg("{by} activated the account {who}")),
    ("deactivate", "deactivate account {who}", msg("{by} deactivated the account {who}")),
    (
        "create_channel",
        "create channel {channel} with {people}",
        msg("{by} created the channel {channel} with {people}"),
    ),
    ("adopt_channel", "adopt channel {channel}", msg("{by} took over the channel {channel}")),
    (
        "rename_channel",
        "rename channel {channel} to {name}",
        msg("{by} renamed the channel {channel} to {name}"),
    ),
    (
        "free_name",
        "rename {old} temporarily, so that another channel can take its name",
        msg("{by} renamed {old} temporarily, so that another channel could take its name"),
    ),
    (
        "set_topic",
        "set topic of {channel}: {topic}",
        msg("{by} set the topic of {channel} to {topic}"),
    ),
    (
        "mark_channel",
        "mark {channel} as a channel of this installation",
        msg("{by} marked {channel} as a channel of this installation"),
    ),
    ("set_read_only", "make {channel} read-only", msg("{by} made {channel} read-only")),
    ("unset_read_only", "make {channel} writable again", msg("{by} made {channel} writable again")),
    ("archive", "archive channel {channel}", msg("{by} archived the channel {channel}")),
    ("unarchive", "unarchive channel {channel}", msg("{by} unarchived the channel {channel}")),
    ("add_members", "add {people} to {channel}", msg("{by} added {people} to {channel}")),
    ("add_members", "add {who} to {channel}", msg("{by} added {who} to {channel}")),
    ("remove_member", "remove {who} from {channel}", msg("{by} removed {who} from {channel}")),
    ("set_room_role", "make {who} {role} of {channel}", msg("{by} made {who} {role} of {channel}")),
    (
        "unset_room_role",
        "remove the role {role} of {who} in {channel}",
        msg("{by} removed the role {role} of {who} in {channel}"),
    ),
    (
        "send_password_mail",
        "e-mail {who} a link to set a password ({email})",
        msg("{by} e-mailed {who} a link to set a password"),
    ),
)  # (action, the pattern of the operation's own words, the sentence)

DECISIONS = {
    "link_conflict": msg("{by} linked the two sides of a conflict: {what}"),
    "ignore_conflict": msg("{by} ignored a conflict: {what}"),
    "reopen_conflict": msg("{by} reopened a conflict: {what}"),
    "confirm_identity": msg("{by} confirmed that it is the same: {what}"),
    "let_go_of_link": msg("{by} decided that it is another one: {what}"),
    "hand_over_account": msg("{by} handed an account over: {what}"),
    "undo": msg("{by} undid {what}"),
    "approve": msg("{by} approved {what}"),
    "reject": msg("{by} rejected {what}"),
    "pause": msg("{by} paused {what}"),
    "resume": msg("{by} resumed {what}"),
    "claim": msg("{by} claimed {what}"),
    "server_moved": msg("{by} confirmed that Rocket.Chat has moved: {what}"),
    "server_replaced": msg("{by} confirmed that Rocket.Chat is a new one: {what}"),
    "forget_secrets": msg("{by} removed unreadable secrets: {what}"),
    "forget_person": msg("{by} erased what is stored about {what}"),
    "prune_audit": msg("{by} deleted old entries of the audit trail: {what}"),
    "import_plugin": msg("{by} imported from the Moodle plugin: {what}"),
    "put_there_by_the_plugin": msg("{by} accepted what the Moodle plugin had added: {what}"),
}
CHANGES = {
    "create": msg("{by} created the {what}"),
    "change": msg("{by} changed the {what}"),
    "delete": msg("{by} deleted the {what}"),
}  # of settings, by the verb before the table's name
PARTS = {
    "people": r"(?P<people>\d+ (?:person|people))",
    "role": f"(?P<role>{'|'.join(map(str, ROLES.values()))})",
    "who": r"(?P<who>\S+)",
}


def _expression(pattern: str) -> "re.Pattern[str]":
    parts = re.split(r"\{(\w+)\}", pattern)
    texts = [
        PARTS.get(part, f"(?P<{part}>.+?)") if n % 2 else re.escape(part)
        for n, part in enumerate(parts)
    ]
    return re.compile("".join(texts), re.DOTALL)


EXPRESSIONS = tuple(
    (action, pattern, _expression(pattern), told) for action, pattern, told in OPERATIONS
)


def sentence(entry: AuditEntry) -> str:
    """Who did what, or tried to."""
    by = who(entry)
    stored, told, values = _of_operation(entry)
    if entry.result == Result.FAILED:
        return local(msg("{by} tried this, and it failed: {what}", by=by, what=stored))
    if entry.result == Result.REFUSED:
        return local(msg("{by} tried this, and it was refused: {what}", by=by, what=stored))
    return local(Message(told.pattern, {"by": by, **values}))


def who(entry: AuditEntry) -> str:
    if entry.actor:
        return entry.actor
    return {
        Kind.SCHEDULE.value: msg("The schedule"),
        Kind.EVENT.value: msg("A Moodle event"),
        Kind.COMMAND.value: msg("The command line"),
        Kind.PERSON.value: msg("Somebody"),
    }.get(entry.actor_kind, msg("rcsync"))


def _of_operation(entry: AuditEntry) -> tuple[str, Message, Mapping[str, Value]]:
    """The subject, the sentence, and what it is filled with."""
    for action, pattern, expression, told in EXPRESSIONS:
        found = expression.fullmatch(entry.subject) if action == entry.action else None
        if found:
            values = {name: _value(name, text) for name, text in found.groupdict().items()}
            return Message(pattern, values), told, values
    subject = _subject(entry)
    return subject, _told(entry.action), {"what": subject}


def _told(action: str) -> Message:
    """Of what is no operation; also of an operation whose words are of another version."""
    plain = msg("{by}: {what}")
    if action in kinds():
        return plain
    return DECISIONS.get(action) or CHANGES.get(action.partition("_")[0], plain)


def _value(name: str, text: str) -> str:
    if name == "people":
        return counted("{n} person", "{n} people", int(text.split(maxsplit=1)[0]))
    if name == "role":
        return next(role for role in ROLES.values() if role == text)
    return text


def _subject(entry: AuditEntry) -> str:
    """Of a conflict the kind is a word of ours."""
    kind, colon, rest = entry.subject.partition(": ")
    labels = dict(Conflict._meta.get_field("kind").flatchoices)
    return f"{labels[kind]}: {rest}" if colon and kind in labels else entry.subject
