"""The docs of deploying name what exists, and their figures are the benchmarks'."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.workflows.files import ROOT

DOCS = [*sorted((ROOT / "docs/deploy").glob("*.md")), ROOT / "SECURITY.md", ROOT / "docs/decisions/deploy-pins.md"]
everywhere = pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)


@everywhere
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text()):
        place, _, heading = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        assert file.exists(), target
        assert not heading or heading in anchors(file), target


def anchors(path: Path) -> set[str]:
    """The anchors as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_line_of_prose_is_wider_than_100_characters() -> None:
    """Rows of tables and lines of code cannot be wrapped."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    wide = [f"{name}:{number}" for name in listed.stdout.split() for number in wide_lines((ROOT / name).read_text())]
    assert wide == []


def wide_lines(text: str) -> list[int]:
    prose = re.sub(r"^ *```.*?^ *```", lambda code: "\n" * code[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    lines = enumerate(prose.splitlines(), 1)
    return [number for number, line in lines if len(line) > 100 and not line.lstrip().startswith("|")]


@everywhere
def test_every_path_that_the_docs_name_exists(path: Path) -> None:
    named = re.findall(r"`?((?:deploy|tests|docs|\.github)/[\w./-]*\w)", path.read_text())
    assert [name for name in set(named) if not (ROOT / name).exists()] == []


@everywhere
def test_every_make_command_of_the_docs_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text(), re.MULTILINE)) <= targets


@everywhere
def test_every_shell_block_of_the_docs_parses(path: Path) -> None:
    for block in re.findall(r"```bash\n(.*?)```", path.read_text(), re.DOTALL):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_both_ways_of_deploying_are_ten_commands() -> None:
    text = (ROOT / "docs/deploy/README.md").read_text()
    for heading in re.findall(r"^## (.*in ten commands)$", text, re.MULTILINE):
        block = text.partition(f"## {heading}\n")[2].partition("```bash\n")[2].partition("```")[0]
        assert len(block.strip().replace("\\\n", " ").splitlines()) == 10, heading


def test_figures_of_sizing_are_the_benchmarks() -> None:
    """API, worker and Redis, µs a token, of each row that sizing takes over."""
    benchmarks = (ROOT / "docs/benchmarks.md").read_text()
    sizing = (ROOT / "docs/deploy/sizing.md").read_text()
    rows = re.findall(r"^\| (\S+ \S \S+|flat out) \| (\S+) µs \| (\S+) µs \| (\S+) µs \|", sizing, re.MULTILINE)
    assert len(rows) == 4
    for load, *costs in rows:
        measured = re.search(rf"^\| {load}[^|]*\|[^|]*\| (\S+) \| (\S+) \| (\S+) \|", benchmarks, re.MULTILINE)
        assert measured and list(measured.groups()) == costs, load
    for figure in ("36 KiB", "177,198", "975 a second", "1.6 ms"):
        assert figure in sizing and figure in benchmarks


def test_secrets_and_settings_that_the_docs_name_are_read_somewhere() -> None:
    workflow = (ROOT / ".github/workflows/build-and-deploy.yaml").read_text()
    text = "".join(path.read_text() for path in DOCS)
    for name in ("GHCR_TOKEN", "KUBECONFIG_CONTENT"):
        assert name in text and f"secrets.{name}" in workflow
    known = (ROOT / ".env.example").read_text()
    assert {name for name in re.findall(r"`((?:SLUICE|QUEUE)_\w+)(?:=\w+)?`", text) if f"{name}=" not in known} == set()
