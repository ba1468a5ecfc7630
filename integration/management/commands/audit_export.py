"""`audit-export`: the audit trail as CSV or JSON lines, on standard output."""

from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand

from integration.services.admin.audit_exports import export_audit
from integration.services.ledger import audit_trail


class Command(BaseCommand):
    help = (
        "Print the audit trail, oldest first. "
        "--prune deletes what is older than the settings' retention."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=["csv", "jsonl"], default="jsonl")
        parser.add_argument("--days", type=int, help="only the last so many days")
        for name in ("run", "user", "group", "course"):
            parser.add_argument(f"--{name}", type=int, help=f"only about this {name} (id)")
        parser.add_argument("--prune", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prune"]:
            self.stdout.write(f"{audit_trail.prune()} entries deleted.")
            return
        days = options["days"]
        since = datetime.now(UTC) - timedelta(days=days) if days is not None else None
        wanted = {name: options[name] for name in ("run", "user", "group", "course")}
        for line in export_audit(audit_trail.entries(since=since, **wanted), options["format"]):
            self.stdout.write(line, ending="")
