"""Our tables: what the administrator decided, what rcsync manages, and what happened.

The database keeps the invariants; every rule a reader could doubt is a constraint whose name reads
as the rule. Each purpose has its module in `integration.tables`.
"""

from integration.tables.audit import AuditEntry
from integration.tables.background import (
    AccountClaim,
    EventCursor,
    KeptLogin,
    Notice,
    PassReading,
    PassReadingPiece,
    PushedEvent,
    WorkerBeat,
)
from integration.tables.conflicts import Conflict
from integration.tables.in_course import LinkKey, LtiDeployment, LtiKey, LtiPlatform, LtiUse
from integration.tables.levels import LevelSettings
from integration.tables.links import AccountLink, ChannelLink, ManagedMembership
from integration.tables.metrics import MetricCounter
from integration.tables.pause import Pause
from integration.tables.runs import SyncOperation, SyncRun, SyncRunCourse
from integration.tables.safety import PendingEnding, RemovalLimit
from integration.tables.selection import (
    GroupRegexFilter,
    IncludedRole,
    IntegratedCategory,
    IntegratedCourse,
)
from integration.tables.settings import IntegrationSettings
from integration.tables.sign_in import SignInIdentity

__all__ = [
    "AccountClaim",
    "AccountLink",
    "AuditEntry",
    "ChannelLink",
    "Conflict",
    "EventCursor",
    "GroupRegexFilter",
    "IncludedRole",
    "IntegratedCategory",
    "IntegratedCourse",
    "IntegrationSettings",
    "KeptLogin",
    "LevelSettings",
    "LinkKey",
    "LtiDeployment",
    "LtiKey",
    "LtiPlatform",
    "LtiUse",
    "ManagedMembership",
    "MetricCounter",
    "Notice",
    "PassReading",
    "PassReadingPiece",
    "Pause",
    "PendingEnding",
    "PushedEvent",
    "RemovalLimit",
    "SignInIdentity",
    "SyncOperation",
    "SyncRun",
    "SyncRunCourse",
    "WorkerBeat",
]
