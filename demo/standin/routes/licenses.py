"""licenses.info: how many seats there are (contract, 12)."""

from __future__ import annotations

from typing import Any

from demo.standin.routes.routing import Answer, Routes
from demo.standin.rules import limits
from demo.standin.web.call import Call

routes = Routes()
NO_LIMIT = -1
OTHERS = {
    "guestUsers": NO_LIMIT,
    "privateApps": 0,
    "marketplaceApps": 5,
    "monthlyActiveContacts": NO_LIMIT,
}


@routes.add("GET", "licenses.info", since=(6, 5))
def info(call: Call) -> Answer:
    """The licence; its limits only for whoever may see private settings."""
    wanted = call.parameter("loadValues") == "true"
    shows_limits = wanted and call.world.allowed(call.caller, "view-privileged-setting")
    seats, taken = call.world.options.seats, limits.active_people(call.world)
    return {
        "license": {
            "activeModules": [],
            "externalModules": [],
            "preventedActions": {
                "activeUsers": seats is not None and taken >= seats,
                "guestUsers": False,
                "roomsPerGuest": False,
                "privateApps": True,
                "marketplaceApps": False,
                "monthlyActiveContacts": False,
            },
            "limits": _limits(seats, taken) if shows_limits else {},
            "tags": [],
            "trial": False,
        }
    }


def _limits(seats: int | None, taken: int) -> dict[str, Any]:
    people = {"value": taken, "max": NO_LIMIT if seats is None else seats}
    return {"activeUsers": people} | {
        name: {"value": 0, "max": most} for name, most in OTHERS.items()
    }
