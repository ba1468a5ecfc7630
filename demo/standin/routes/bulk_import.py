"""import.*: bulk creation of accounts, from 6.3 on (contract, 2.8).

The real server imports in the background; here the work is done when `import.run` answers.
"""

from __future__ import annotations

from typing import Any

from demo.standin.errors import failure
from demo.standin.routes.routing import Answer, Routes
from demo.standin.routes.schemas import IMPORTED_USER
from demo.standin.state.clock import now_iso
from demo.standin.state.records import ImportOperation
from demo.standin.state.world import ServerState
from demo.standin.web.call import Call
from demo.standin.web.schema import check

routes = Routes()
IMPORT = {"permission": "run-import", "since": (6, 3)}
STATES = {
    "importer_new": "new",
    "importer_user_selection": "ready",
    "importer_done": "done",
}


@routes.add("POST", "import.clear", **IMPORT)
def clear(call: Call) -> Answer:
    """Forgets everything staged; the last operation counts as done."""
    operation = call.world.import_operation
    if operation is not None:
        operation.staged, operation.status = [], "importer_done"
    return {}


@routes.add("POST", "import.new", **IMPORT)
def new(call: Call) -> Answer:
    """Starts an operation; any other one ends and its staged records are gone."""
    now = now_iso()
    operation = ImportOperation(call.world.ids.new("operation"), call.caller.id, now, now)
    call.world.import_operation = operation
    return {"operation": _view(operation)}


@routes.add("POST", "import.addUsers", **IMPORT)
def add_users(call: Call) -> Answer:
    """Stages accounts; nobody looks whether they exist already."""
    users = call.body.get("users")
    if not isinstance(users, list):
        raise failure("must have required property 'users'")
    checked = [check(IMPORTED_USER, user, call.dialect) for user in users]
    operation = call.world.import_operation
    if operation is None:
        raise failure("Import operation not initialized.")
    operation.staged += checked
    operation.status = "importer_user_selection"
    operation.count = {"total": len(operation.staged), "users": len(operation.staged)}
    return {}


@routes.add("POST", "import.run", **IMPORT)
def run(call: Call) -> Answer:
    """Inserts the staged accounts; what exists already is left as it is and counts as an error."""
    operation = _current(call)
    made = [_insert(call.world, record) for record in operation.staged]
    operation.status = "importer_done"
    operation.count |= {"completed": made.count(True), "error": made.count(False)}
    operation.updated_at = now_iso()
    return {}


@routes.add("GET", "import.status", **IMPORT)
def status(call: Call) -> Answer:
    """How far the operation is."""
    operation = call.world.import_operation
    if operation is None:
        return {"state": "none"}
    return {"state": STATES[operation.status], "operation": _view(operation)}


def _current(call: Call) -> ImportOperation:
    if call.world.import_operation is None:
        raise failure("error-operation-not-found")
    return call.world.import_operation


def _insert(world: ServerState, record: dict[str, Any]) -> bool:
    """Unverified, without default channels; a missing password becomes a random one."""
    email, username = record["emails"][0], record.get("username", "")
    if not username or world.user_named(username) or world.user_with_email(email):
        return False
    world.add_user(
        username,
        id=world.ids.new("imported"),
        name=record.get("name", ""),
        email=email,
        password=record.get("password") or world.ids.text(20),
        active=not record.get("deleted", False),
        bio=record.get("bio", ""),
        import_ids=list(record["importIds"]),
        made_by_api=False,
        made_by_import=True,
    )
    return True


def _view(operation: ImportOperation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "_id": operation.id,
        "type": "api",
        "importerKey": "api",
        "ts": operation.ts,
        "status": operation.status,
        "valid": True,
        "user": operation.user_id,
        "_updatedAt": operation.updated_at,
    }
    return shown | ({"count": dict(operation.count)} if operation.count else {})
