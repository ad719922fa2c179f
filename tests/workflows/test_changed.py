"""The parts that a change touches are built and rolled out."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.files import ROOT, SCRIPTS

CHANGED = SCRIPTS / "changed.py"
MODULE = runpy.run_path(str(CHANGED))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "config", "user.name", "Somebody")
    git(tmp_path, "config", "user.email", "somebody@example.org")
    commit(tmp_path, "README.md")
    return tmp_path


def git(place: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=place, check=True, capture_output=True, text=True).stdout.strip()


def commit(place: Path, *paths: str) -> str:
    """Makes or changes these files; returns the commit's id."""
    for path in paths:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        with (place / path).open("a") as file:
            file.write("a line\n")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "--message", "a change")
    return git(place, "rev-parse", "HEAD")


def changed(place: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, CHANGED, *arguments], cwd=place, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    outputs = dict(line.split("=", 1) for line in done.stdout.splitlines())
    parts = {part for part, value in outputs.items() if value == "true"}
    assert set(json.loads(outputs["images"])) == parts - {"deploy"}
    return parts


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("backend/app.py", {"backend"}),
        ("ollama_worker/worker.py", {"worker"}),
        ("frontend/app/page.tsx", {"frontend"}),
        ("wire/keys.py", {"backend", "worker"}),
        ("pyproject.toml", {"backend", "worker"}),
        ("deploy/images/worker.lock", {"worker"}),
        ("deploy/images/nginx.conf", {"frontend"}),
        ("deploy/digests.env", {"backend", "worker", "frontend", "deploy"}),
        ("deploy/bases/backend/deployment.yaml", {"deploy"}),
        ("deploy/bases/ollama-worker/alive.sh", {"worker", "deploy"}),
        ("docs/architecture.md", set()),
        ("backend-notes.md", set()),
    ],
)
def test_a_path_belongs_to_the_parts_that_are_made_of_it(repository: Path, path: str, parts: set[str]) -> None:
    before = git(repository, "rev-parse", "HEAD")
    commit(repository, path)
    assert changed(repository, before) == parts


def test_all_commits_since_then_count_and_a_moved_file_counts_where_it_was(repository: Path) -> None:
    before = commit(repository, "ollama_worker/old.py")
    commit(repository, "frontend/page.tsx")
    git(repository, "mv", "ollama_worker/old.py", "docs.py")
    git(repository, "commit", "--quiet", "--message", "moved")
    assert changed(repository, before) == {"frontend", "worker"}


@pytest.mark.parametrize("unknown", ["none", "0" * 40, "a-branch-that-was-rewritten", "--output=elsewhere"])
def test_where_the_commit_is_not_known_everything_counts_as_changed(repository: Path, unknown: str) -> None:
    assert changed(repository, unknown) == {"backend", "worker", "frontend", "deploy"}
    assert not (repository / "elsewhere").exists()


def test_parts_can_be_requested_by_name(repository: Path) -> None:
    assert changed(repository, "--only", "all") == {"backend", "worker", "frontend", "deploy"}
    assert changed(repository, "--only", "backend,deploy") == {"backend", "deploy"}
    assert changed(repository, "--only", "none") == set()


def copies(part: str) -> set[str]:
    """The paths that the part's Dockerfile takes out of the repository."""
    text = (ROOT / "deploy/images" / f"{part}.Dockerfile").read_text().replace("\\\n", " ")
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.*) \S+$", text, re.MULTILINE)
    return {source for line in lines for source in line.split()}


@pytest.mark.parametrize("part", MODULE["IMAGES"])
def test_every_path_that_a_dockerfile_copies_makes_a_new_image_when_it_changes(part: str) -> None:
    sources = copies(part)
    assert len(sources) > 2
    for source in sources | {f"deploy/images/{part}.Dockerfile"}:
        path = source + "/anything" if (ROOT / source).is_dir() else source
        assert MODULE["belongs"](path, part), f"{part} is made of {source}"


@pytest.mark.parametrize("part", MODULE["PARTS"])
def test_every_path_that_is_named_is_there(part: str) -> None:
    assert [path for path in MODULE["MADE_OF"][part] if not (ROOT / path).exists()] == []
