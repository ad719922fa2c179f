"""What is handed out: `make release` writes dist/sluice-<version>.tar.gz and a wheel, both with the built page.

The archive is the commit plus `frontend/out`, so that `make up` from it needs Python and no Node. It refuses a tree
with changes: its page would be one of sources that the archive does not hold.
"""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

from sluice.frontend import Frontend

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PAGE = ROOT / "frontend" / "out"


def main() -> int:
    if changed := _git("status", "--porcelain").decode():
        print(f"Commit these first, or the archive would not be what its name promises:\n{changed}", file=sys.stderr)
        return 1
    if not Frontend(ROOT / "frontend").fresh:
        print("The built page is not the one of these sources: make page", file=sys.stderr)
        return 1
    name = f"sluice-{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"
    DIST.mkdir(exist_ok=True)
    archive = DIST / f"{name}.tar.gz"
    archive.write_bytes(gzip.compress(with_page(_git("archive", f"--prefix={name}/", "HEAD"), name), mtime=0))
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=ROOT, check=True)
    print(archive)
    return 0


def with_page(commit: bytes, name: str) -> bytes:
    """The commit's tar, with the page added where the build had put it."""
    tar = io.BytesIO(commit)
    with tarfile.open(fileobj=tar, mode="a") as added:
        for path in sorted(PAGE.rglob("*")):
            added.add(path, f"{name}/{path.relative_to(ROOT).as_posix()}", recursive=False, filter=_nobodys)
    return tar.getvalue()


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the builder and the time: the same page is the same archive."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = 0
    return entry


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607


if __name__ == "__main__":
    sys.exit(main())
