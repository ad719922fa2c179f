"""The page's sources beside these packages: what was built of them, and whether it can be built here."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "frontend"
OLDEST_NODE = 20
NODE_HINT = f"Install Node {OLDEST_NODE} or newer, or run `make node`, which puts one into the virtual environment."
# As in frontend/scripts/source-hash.mjs, which a test holds this against.
NOT_SOURCES = {"node_modules", "out", "out.new", "out.old", "tests", "coverage", "next-env.d.ts"}
NOTES = re.compile(r"(\.tsbuildinfo|~)$")


class PageRefused(Exception):
    """The page cannot be built here; the message gives the reason and the remedy."""


def search_path() -> str:
    """Where node and npm are looked for: first in the virtual environment."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


@dataclass(frozen=True)
class Frontend:
    """`tools`: a PATH with node and npm."""

    folder: Path = FOLDER
    tools: str = field(default_factory=search_path)

    @property
    def has_sources(self) -> bool:
        """False in a wheel, which brings its page along."""
        return self.lock.is_file()

    @property
    def built(self) -> bool:
        return (self.folder / "out" / "index.html").is_file()

    @property
    def fresh(self) -> bool:
        """The page is the one of these sources."""
        return self.built and _text(self.folder / "out" / ".source-hash") == source_hash(self.folder)

    @property
    def installed(self) -> bool:
        """Whether the installed packages are those of the lock."""
        return _text(self._stamp) == _sha256(self.lock.read_bytes())

    def note_installed(self) -> None:
        self._stamp.parent.mkdir(exist_ok=True)
        self._stamp.write_text(_sha256(self.lock.read_bytes()))

    @property
    def lock(self) -> Path:
        return self.folder / "package-lock.json"

    @property
    def _stamp(self) -> Path:
        return self.folder / "node_modules" / ".sluice-installed"

    def find_node(self) -> str:
        """Its version, e.g. `20.20.2`. Raises PageRefused where there is none, or an old one."""
        node, npm = (shutil.which(name, path=self.tools) for name in ("node", "npm"))
        if node is None or npm is None:
            raise PageRefused(f"There is no {'npm' if node else 'Node'} here to build the page. {NODE_HINT}")
        shown = _version(node)
        major = re.match(r"v(\d+)\.", shown)
        if major is None or int(major[1]) < OLDEST_NODE:
            raise PageRefused(f"{node} says {shown!r}, which cannot build the page. {NODE_HINT}")
        return shown.removeprefix("v")


def source_hash(folder: Path) -> str:
    """Of everything that decides what the page is; defined in frontend/scripts/source-hash.mjs."""
    paths = sorted(_sources(folder, ""))
    return _sha256("".join(f"{path}\t{_sha256((folder / path).read_bytes())}\n" for path in paths).encode())


def _sources(folder: Path, below: str) -> Iterator[str]:
    for entry in os.scandir(folder / below):
        if entry.name.startswith(".") or entry.name in NOT_SOURCES or NOTES.search(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _sources(folder, f"{below}{entry.name}/")
        elif entry.is_file(follow_symlinks=False):
            yield below + entry.name


def _version(node: str) -> str:
    """The program's version; empty where the program does not run."""
    try:
        return subprocess.run(
            [node, "--version"], capture_output=True, text=True, check=False, timeout=30
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
