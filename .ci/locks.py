"""Do the lock files fit pyproject.toml, and do they name no package index?

    python .ci/locks.py         checks, without a network: exit status 1 and the reasons when they are not
    python .ci/locks.py stamp   writes into each lock what it was made from (`make lock` does, after compiling)

A lock's first line carries a digest of the requirements in pyproject.toml. Where a lock's packages come from is the
business of the installer's own configuration: a host in a lock would break every mirror.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# An image's lock holds a part of these two, so that it installs no more than it runs.
IMAGES = tuple(f"deploy/images/{name}.lock" for name in ("backend", "kubernetes", "worker", "llama-cpp", "build"))
LOCKS = ("requirements.lock", "requirements-dev.lock", *IMAGES)
STAMP = "# Made by `make lock` from the requirements in pyproject.toml with digest "
# A URL, a local file, an option that names where to look, or a package without a hash.
FOREIGN = re.compile(r"://|^(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b| @ |^/|file:")


def main(arguments: list[str]) -> int:
    digest = digest_of(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    if arguments == ["stamp"]:
        for name in LOCKS:
            stamp(ROOT / name, digest)
        return 0
    problems = [problem for name in LOCKS for problem in check(ROOT / name, digest)]
    print("\n".join(problems) or "The locks fit pyproject.toml.")
    return 1 if problems else 0


def digest_of(pyproject: dict[str, dict[str, object]]) -> str:
    """Of everything that decides what is locked."""
    project = pyproject["project"]
    wanted = [project[key] for key in ("requires-python", "dependencies", "optional-dependencies")]
    return hashlib.sha256(json.dumps([*wanted, pyproject["build-system"]], sort_keys=True).encode()).hexdigest()[:16]


def stamp(lock: Path, digest: str) -> None:
    """Replace the compiler's header, which names its version's command line, by ours."""
    lines = [line for line in lock.read_text().splitlines() if not line.startswith("#")]
    lock.write_text("\n".join([STAMP + digest, *lines]) + "\n")


def check(lock: Path, digest: str) -> list[str]:
    """What is wrong with it, a sentence each."""
    if not lock.exists():
        return [f"{lock.name} is missing: make lock"]
    lines = lock.read_text().splitlines()
    problems = [f"{lock.name}:{number}: names a place: {line}" for number, line in _foreign(lines)]
    if lines[0] != STAMP + digest:
        problems.append(f"{lock.name} was not made from this pyproject.toml: make lock")
    if any(_unhashed(lines)):
        problems.append(f"{lock.name} has a package without a hash: make lock")
    return problems


def _foreign(lines: list[str]) -> list[tuple[int, str]]:
    return [(number, line) for number, line in enumerate(lines, 1) if FOREIGN.search(line)]


def _unhashed(lines: list[str]) -> list[str]:
    """Packages whose next line is no hash."""
    pairs = zip(lines, [*lines[1:], ""], strict=True)
    return [line for line, after in pairs if "==" in line and not after.lstrip().startswith("--hash=")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
