"""The notes of a release are the changelog's lines about it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workflows.files import SCRIPTS

CHANGELOG = """# Changes

## Unreleased

### Added
- Not out yet.

## [0.2.0] - 2026-12-01

### Added
- The second thing.

### Fixed
- The first.

## 0.2.0rc1
- A try.

## 0.1.0
"""


def notes(version: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPTS / "notes.py", version]
    return subprocess.run(command, input=CHANGELOG, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("version", ["0.2.0", "v0.2.0"])
def test_the_notes_are_the_lines_below_the_version_s_heading(version: str) -> None:
    assert notes(version).stdout == "### Added\n- The second thing.\n\n### Fixed\n- The first.\n"


def test_a_candidate_s_notes_are_its_own() -> None:
    assert notes("v0.2.0rc1").stdout == "- A try.\n"


@pytest.mark.parametrize("version", ["0.1.0", "0.2", "0.3.0", "v"])
def test_a_release_without_notes_is_refused(version: str) -> None:
    done = notes(version)
    assert done.returncode == 1 and done.stdout == ""
    assert "CHANGELOG.md has nothing about" in done.stderr
