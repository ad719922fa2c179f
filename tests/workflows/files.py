"""The workflows, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / ".github" / "scripts"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
USES = re.compile(r"^\s*(?:- )?uses: (?P<action>\S+?)@(?P<revision>\S+)(?P<comment>.*)$", re.MULTILINE)


def read(path: Path) -> dict[str, Any]:
    """A workflow. YAML 1.1 takes the key `on` for True."""
    whole: dict[Any, Any] = yaml.safe_load(path.read_text())
    whole["on"] = whole.pop(True)
    return whole


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in read(path)["jobs"].items():
            yield f"{path.name}: {name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for number, step in enumerate(job.get("steps", [])):  # none where the job is another workflow
            yield f"{name}: {step.get('name', number)}", step


def uses() -> Iterator[re.Match[str]]:
    for path in WORKFLOWS:
        yield from USES.finditer(path.read_text())
