"""The bill of materials of production (CycloneDX, var/sbom.json), and its licences on one page.

What only an extra needs has the scope "optional". Fails on a package without a licence, on one that
asks for more than a notice unless RECIPROCAL says what that means, and on one that is in a lock and
not in the environment.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
SBOM = ROOT / "var/sbom.json"
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PSF|0BSD|CNRI|Python-2\.0")
RECIPROCAL = {
    "mysqlclient": (
        "GPL-2.0-or-later. Using it obliges to nothing. Whoever passes on an image that holds it "
        "passes on a whole under the GPL (version 3, which Apache-2.0 fits), and the source of "
        "mysqlclient with it. `--build-arg MYSQLCLIENT=no` makes an image without it, where "
        "PyMySQL (MIT) takes its place."
    ),
    "psycopg": "LGPL-3.0. Used unchanged as a library; whoever gets an image may replace it.",
    "psycopg-binary": "LGPL-3.0, as psycopg.",
    "certifi": "MPL-2.0. Used unchanged; changes of its files would have to be published.",
    "mozilla-django-oidc": (
        "MPL-2.0, in the extra oidc only. Used unchanged; changes of its files would have to be "
        "published."
    ),
}
EXTRAS = ("lti", "oidc", "redis", "sentry")


def locked(file: str) -> list[Requirement]:
    lines = re.findall(r"^([a-z][^\\\n]*==[^\\\n]*)", (ROOT / file).read_text(), re.MULTILINE)
    return [Requirement(line) for line in lines]


def is_for_this_python(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def whole_environment() -> dict[str, Any]:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [
            *("-m", "cyclonedx_py", "environment", sys.executable, "--output-reproducible"),
            *("--output-format", "JSON", "--output-file", file.name),
        ]
        done = subprocess.run(
            [sys.executable, *command], check=False, stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            sys.exit(f"{done.stderr}cyclonedx_py failed. Is it installed? ./rcsync install --dev")
        found: dict[str, Any] = json.loads(Path(file.name).read_text())
    return found


def name_of(component: dict[str, Any]) -> str:
    return re.sub(r"[-_.]+", "-", component["name"]).lower()


def licence_of(component: dict[str, Any]) -> str:
    found = {
        entry.get("expression") or entry["license"].get("id") or entry["license"].get("name", "")
        for entry in component.get("licenses", [])
    }
    return " / ".join(sorted(text.removeprefix("License :: OSI Approved :: ") for text in found))


def problem(name: str, licence: str) -> str:
    if not licence:
        return f"{name} names no licence"
    if name not in RECIPROCAL and not PERMISSIVE.search(licence):
        return f"{name} is under {licence}: .ci/sbom.py does not say what that means"
    return ""


def reduced(sbom: dict[str, Any], required: set[str], optional: set[str]) -> dict[str, Any]:
    """To those; what is left depends on nothing that is not in it."""
    parts = [part for part in sbom["components"] if name_of(part) in required | optional]
    for part in parts:
        part["scope"] = "required" if name_of(part) in required else "optional"
    refs = {part["bom-ref"] for part in parts}
    dependencies = [
        part | {"dependsOn": [ref for ref in part["dependsOn"] if ref in refs]}
        if "dependsOn" in part
        else part
        for part in sbom.get("dependencies", [])
        if part["ref"] in refs
    ]
    return sbom | {"components": parts, "dependencies": dependencies}


def main() -> int:
    production = locked("requirements.txt")
    extras = [entry for name in EXTRAS for entry in locked(f"requirements-{name}.txt")]
    wanted = {entry.name for entry in production + extras if is_for_this_python(entry)}
    required = {entry.name for entry in production}
    sbom = reduced(whole_environment(), required, {entry.name for entry in extras})
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(json.dumps(sbom, indent=1) + "\n")
    licences = {name_of(part): licence_of(part) for part in sbom["components"]}
    for part in sbom["components"]:
        scope = "" if part["scope"] == "required" else "  (an extra)"
        line = f"{part['name']:<22}{part['version']:<18}{licences[name_of(part)]}{scope}\n"
        sys.stdout.write(line)
    for name in sorted(RECIPROCAL.keys() & licences.keys()):
        sys.stdout.write(f"  {name}: {RECIPROCAL[name]}\n")
    for name in sorted({entry.name for entry in production + extras} - wanted - licences.keys()):
        sys.stdout.write(f"  {name}: for other Pythons than this one, so not looked at\n")
    problems = [text for name, licence in licences.items() if (text := problem(name, licence))]
    problems += [
        f"{name} is locked and not installed. ./rcsync install --dev"
        for name in sorted(wanted - licences.keys())
    ]
    sys.stdout.write("".join(f"PROBLEM: {text}\n" for text in problems))
    sys.stdout.write(f"{len(licences)} packages in {SBOM.relative_to(ROOT)}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
