"""The notes of a release: the text of CHANGELOG.md under its heading.

    python3 .github/scripts/notes.py v0.2.0 < CHANGELOG.md

Takes a tag or a version. A release that the changelog does not know, or has no text about, ends with status 1: no
release without notes.
"""

from __future__ import annotations

import re
import sys

# `## 0.2.0`, `## v0.2.0`, `## [0.2.0] - 2026-12-01`; the whole version, so that 0.2.0 is not found in 0.2.0rc1.
HEADING = re.compile(r"^## \[?v?([^\]\s]+)\]?(?:\s.*)?$")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    version = arguments[0].removeprefix("v")
    notes = notes_of(version, sys.stdin.read())
    if not notes:
        print(f"notes.py: CHANGELOG.md has nothing about {version}: give it a heading `## {version}`", file=sys.stderr)
        return 1
    print(notes)
    return 0


def notes_of(version: str, changelog: str) -> str:
    """The lines below its heading, up to the next one of its level; "" where there are none."""
    found: list[str] = []
    inside = False
    for line in changelog.splitlines():
        if line.startswith("## "):
            heading = HEADING.match(line)
            inside = heading is not None and heading[1] == version
        elif inside:
            found.append(line)
    return "\n".join(found).strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
