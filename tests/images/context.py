"""The files that a build sees: the checkout less what .dockerignore keeps from it."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.images.dockerfile import ROOT


class Rule(NamedTuple):
    """A line of .dockerignore; the last rule that fits a path, or a folder above it, decides."""

    pattern: re.Pattern[str]
    keeps: bool


@cache
def rules() -> tuple[Rule, ...]:
    lines = (line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines())
    return tuple(_rule(line) for line in lines if line and not line.startswith("#"))


def _rule(line: str) -> Rule:
    parts = re.split(r"(\*\*/|\*)", line.removeprefix("!"))
    made = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return Rule(re.compile("".join(made.get(part) or re.escape(part) for part in parts) + "(?:/.*)?"), line[0] == "!")


def is_seen(path: str) -> bool:
    """Whether the rule fits. `path`: below the root, with slashes."""
    fitting = [rule.keeps for rule in rules() if rule.pattern.fullmatch(path)]
    return not fitting or fitting[-1]


def gather(target: Path) -> Path:
    """The context's files: those that are tracked or could be, and are seen."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for path in filter(is_seen, filter(None, listed.split("\0"))):
        if (ROOT / path).is_file():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target / path)
    return target
