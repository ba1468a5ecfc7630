"""What an entry of the audit trail says, as a sentence in the reader's language.

The words of an entry are stored with the pattern that made them. An operation's pattern says which
sentence tells it as done; other words are put after who did it. An entry whose words have no
pattern any more, or one of another version, is shown as it is stored.
"""

from collections.abc import Mapping

from integration.domain.messages import Message, Value, msg
from integration.domain.operations import kinds
from integration.models import AuditEntry
from integration.translation import local

Kind, Result = AuditEntry.ActorKind, AuditEntry.Result

OPERATIONS = {
    "create account {who} ({name}, {email})": msg("{by} created the account {who}"),
    "adopt account {who}": msg("{by} took over the account {who}"),
    "store account {who}": msg("{by} recorded the account {who}"),
    "update account {who}: {changes}": msg("{by} changed the account {who}"),
    "activate account {who}": msg("{by} activated the account {who}"),
    "deactivate account {who}": msg("{by} deactivated the account {who}"),
    "create channel {channel} with {people}": msg(
        "{by} created the channel {channel} with {people}"
    ),
    "adopt channel {channel}": msg("{by} took over the channel {channel}"),
    "rename channel {channel} to {name}": msg("{by} renamed the channel {channel} to {name}"),
    "rename {old} temporarily, so that another channel can take its name": msg(
        "{by} renamed {old} temporarily, so that another channel could take its name"
    ),
    "set topic of {channel}: {topic}": msg("{by} set the topic of {channel} to {topic}"),
    "set description of {channel}: {text}": msg("{by} set the description of {channel} to {text}"),
    "set announcement of {channel}: {text}": msg(
        "{by} set the announcement of {channel} to {text}"
    ),
    "set texts of {channel}: {texts}": msg("{by} set texts of {channel}: {texts}"),
    "mark {channel} as a channel of this installation": msg(
        "{by} marked {channel} as a channel of this installation"
    ),
    "make {channel} read-only": msg("{by} made {channel} read-only"),
    "make {channel} writable again": msg("{by} made {channel} writable again"),
    "archive channel {channel}": msg("{by} archived the channel {channel}"),
    "unarchive channel {channel}": msg("{by} unarchived the channel {channel}"),
    "add {people} to {channel}": msg("{by} added {people} to {channel}"),
    "add {who} to {channel}": msg("{by} added {who} to {channel}"),
    "remove {who} from {channel}": msg("{by} removed {who} from {channel}"),
    "make {who} {role} of {channel}": msg("{by} made {who} {role} of {channel}"),
    "remove the role {role} of {who} in {channel}": msg(
        "{by} removed the role {role} of {who} in {channel}"
    ),
    "e-mail {who} a link to set a password ({email})": msg(
        "{by} e-mailed {who} a link to set a password"
    ),
}  # the pattern of the operation's own words -> the sentence

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


def sentence(entry: AuditEntry) -> str:
    """Who did what, or tried to."""
    by = who(entry)
    if entry.result == Result.FAILED:
        return local(msg("{by} tried this, and it failed: {what}", by=by, what=entry.subject))
    if entry.result == Result.REFUSED:
        return local(msg("{by} tried this, and it was refused: {what}", by=by, what=entry.subject))
    told, values = _told(entry)
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


def _told(entry: AuditEntry) -> tuple[Message, Mapping[str, Value]]:
    """The sentence, and what it is filled with."""
    words = entry.subject
    if isinstance(words, Message) and words.pattern in OPERATIONS:
        return OPERATIONS[words.pattern], words.values
    plain = msg("{by}: {what}")
    if entry.action in kinds():
        return plain, {"what": words}
    verb = entry.action.partition("_")[0]
    return DECISIONS.get(entry.action) or CHANGES.get(verb, plain), {"what": words}
