"""`npm run build` around a stand-in for Next: only a whole page within its budget takes the place of the last one."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.site.files import read_site
from sluice.frontend import FOLDER, source_hash

# Exports what lies in `export`, as Next would, or fails.
NEXT = """
import { cpSync, existsSync } from "node:fs";
if (process.argv[2] !== "build" || existsSync("fail")) process.exit(3);
cpSync("export", process.env.PAGE_STAGE, { recursive: true });
"""
LIGHT = "console.log(1);" * 200
HTML = (
    '<script>{page}</script><script src="/_next/static/a.js" async=""></script>'
    '<script src="/_next/static/old.js" noModule=""></script>'
)


class Build:
    """A front end with our scripts, a stand-in for Next, and a page built before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(FOLDER / "scripts", folder / "scripts")
        self.write("node_modules/next/dist/bin/next", NEXT)
        self.write("node_modules/next/package.json", '{"type": "module"}')
        self.write("out/index.html", "the last page")
        for page in ("index.html", "admin/index.html", "404.html"):
            self.write(f"export/{page}", HTML.format(page=page))
        self.write("export/_next/static/a.js", LIGHT)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def __call__(self, *arguments: str) -> tuple[int, str]:
        """(exit code, what it said)"""
        command = ["node", str(self.folder / "scripts" / "build.mjs"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    @property
    def kept(self) -> bool:
        """The last page is still there."""
        return (self.folder / "out" / "index.html").read_text() == "the last page"


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return Build(tmp_path / "frontend")


def test_a_finished_page_takes_the_place_of_the_last(build: Build) -> None:
    code, said = build()
    assert code == 0, said
    out = build.folder / "out"
    assert (out / ".source-hash").read_text().strip() == source_hash(build.folder)
    assert read_site(out).files["/_next/static/a.js"].bodies[""] == LIGHT.encode()
    assert not (build.folder / "out.new").exists()
    assert not (build.folder / "out.old").exists()


def test_a_build_that_fails_leaves_the_last_page(build: Build) -> None:
    build.write("fail", "")
    assert build()[0] == 3
    assert build.kept


def test_every_pages_inline_scripts_are_in_the_one_policy(build: Build) -> None:
    build()
    policy = dict(read_site(build.folder / "out").files["/"].headers)[b"content-security-policy"]
    for page in ("index.html", "admin/index.html", "404.html"):
        assert base64.b64encode(hashlib.sha256(page.encode()).digest()) in policy
    assert policy.count(b"sha256-") == 3


def heavy(build: Build) -> str:
    """More scripts than a page may load, and nothing that compresses."""
    digits = "".join(str(number * number) for number in range(150_000))
    build.write("export/_next/static/a.js", f"'{digits}'")
    return "admin/index.html: more than 170 KiB in the first load"


def early(build: Build) -> str:
    """A library that should come only when an answer needs it."""
    build.write("export/_next/static/a.js", "throw new Error('KaTeX parse error')")
    return "index.html: katex is in the first load"


@pytest.mark.parametrize("fault", [heavy, early])
def test_a_page_over_its_budget_is_named_and_not_put_in_place(build: Build, fault: Callable[[Build], str]) -> None:
    complaint = fault(build)
    code, said = build()
    assert (code, build.kept) == (1, True)
    assert complaint in said
    assert build("--no-budget")[0] == 0
    assert not build.kept


def test_scripts_for_old_browsers_do_not_count(build: Build) -> None:
    assert " 2 files" in build()[1]  # the page itself, and one script
