"""Which features the tests have shown, in this run: `@pytest.mark.shows(dialect="OpenAI", feature="stream")`.

Marks of tests travel with their reports, so this works in pytest's own process also when others run the tests. At the
end `.cache/features.json` has what passed, and a run of all client tests fails where `docs/features.md` claims more.
The hooks are taken in by `tests/conftest.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
RESULT = ROOT / ".cache" / "features.json"
TABLE = ROOT / "docs" / "features.md"
CLIENTS = Path(__file__).parents[1] / "clients"
# The tests that run by default: pyproject.toml's addopts.
USUAL = "not real_ollama and not real_kubernetes and not real_images and not real_cluster"
LIVING = ("ollama", "openai", "llama-cpp")  # engines of a usual run; a real Ollama gets a run of its own


class Shown(NamedTuple):
    dialect: str
    feature: str
    engine: str


class Seen:
    """What the reports have shown so far. `lacking`: claimed by a test that failed."""

    def __init__(self) -> None:
        self.passed: set[Shown] = set()
        self.failed: set[Shown] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called in this process, whichever process ran the test."""
        shown = {Shown(*value) for name, value in report.user_properties if name == "shows"}
        if report.failed:
            self.failed |= shown
        elif report.when == "call" and report.passed:
            self.passed |= shown

    @property
    def proven(self) -> set[Shown]:
        return self.passed - self.failed


SEEN = pytest.StashKey[Seen]()
UNPROVEN = pytest.StashKey[list[Shown]]()


def shown_by(item: pytest.Item) -> list[Shown]:
    """The claims that a test shows if it passes: its marks, on the engine that it was given."""
    given = getattr(item, "callspec", None)
    engine = given.params.get("engine", "") if given else ""
    return [Shown(mark.kwargs["dialect"], mark.kwargs["feature"], engine) for mark in item.iter_markers("shows")]


def claims(table: str) -> set[Shown]:
    """The claims of a page in the form of `tests.clients.features`: a row a feature, a column a dialect."""
    shown: set[Shown] = set()
    heads: list[str] = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            heads = []
        elif not heads:
            heads = cells
        else:
            pairs = zip(heads[1:], cells[1:], strict=False)
            shown |= {
                Shown(head, cells[0], item) for head, cell in pairs for item in cell.split(", ") if item in LIVING
            }
    return shown


def is_whole(config: pytest.Config) -> bool:
    """Whether the run left out none of the client tests."""
    chosen = [Path(str(argument).partition("::")[0]).resolve() for argument in config.args]
    narrowed = config.option.keyword or config.option.markexpr != USUAL or config.option.maxfail
    return not narrowed and any(item in (CLIENTS, CLIENTS.parent, ROOT) for item in chosen)


# Hooks


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SEEN] = Seen()
    config.stash[UNPROVEN] = []
    config.pluginmanager.register(config.stash[SEEN])


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.user_properties += [("shows", list(shown)) for shown in shown_by(item)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In the process that the user started: writes what was proven, and compares it with the page."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.collectonly or not config.stash[SEEN].passed:
        return
    proven = config.stash[SEEN].proven
    write(proven, is_whole(config))
    if is_whole(config) and TABLE.exists():
        config.stash[UNPROVEN] = sorted(claims(TABLE.read_text()) - proven)
        if config.stash[UNPROVEN] and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for shown in config.stash[UNPROVEN]:
        terminalreporter.write_line(f"docs/features.md claims what no test has shown: {', '.join(shown)}", red=True)


def write(proven: Iterable[Shown], whole: bool) -> None:
    """A run of a part adds to the proofs so far; a whole run, and one of a real Ollama, starts anew for its engines."""
    before = {Shown(*entry) for entry in json.loads(RESULT.read_text())} if RESULT.exists() else set()
    kept = {item for item in before if not (whole and item.engine in LIVING)}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(sorted({*kept, *proven}), indent=0, ensure_ascii=False))
