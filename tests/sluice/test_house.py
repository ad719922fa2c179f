"""Promises of the project's own files: what an extra brings along, what the example settings name, what locks hold."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from ollama_worker.settings import WorkerSettings
from sluice.settings import UpSettings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TESTS_ONLY = {"SLUICE_SIMULATED_FAULTS"}  # no operator should meet this setting


def closure(lines: Iterable[str]) -> set[str]:
    """The names of all distributions that these requirements bring along on this machine, with their extras."""
    todo, seen = [Requirement(line) for line in lines], set[tuple[str, frozenset[str]]]()
    while todo:
        wanted = todo.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key not in seen:
            seen.add(key)
            todo += needed_by(wanted)
    return {name for name, _ in seen}


def needed_by(wanted: Requirement) -> Iterator[Requirement]:
    for need in map(Requirement, requires(wanted.name) or ()):
        environments = [{"extra": extra} for extra in ("", *wanted.extras)]
        if need.marker is None or any(need.marker.evaluate(environment) for environment in environments):
            yield need


def extra(*names: str) -> set[str]:
    lines = [line for name in names for line in PROJECT["optional-dependencies"][name]]
    here = [
        line for line in (*PROJECT["dependencies"], *lines) if (m := Requirement(line).marker) is None or m.evaluate()
    ]
    return closure(here)


@pytest.mark.parametrize("framework", ["fastapi", "starlette", "uvicorn", "langserve", "langchain-core"])
def test_a_worker_s_machine_gets_no_web_framework(framework: str) -> None:
    assert framework not in extra("worker", "llama-cpp")
    assert framework in extra("backend")  # else the walk above sees nothing


def test_the_wheel_names_every_package_and_no_other() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
    missing = [name for name in packages if not (ROOT / name / "__init__.py").exists()]
    assert not missing


def variables(settings: type[BaseSettings]) -> set[str]:
    """The first name of every setting; the others are aliases."""
    names: set[str] = set()
    for field in settings.model_fields.values():
        alias: Any = field.validation_alias
        names.add(str(alias.choices[0] if isinstance(alias, AliasChoices) else alias))
    return names


def test_the_example_names_every_setting_and_no_other() -> None:
    named = set(re.findall(r"^# ([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == (variables(UpSettings) | variables(WorkerSettings)) - TESTS_ONLY


def test_the_example_can_be_uncommented_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.toml").touch()  # the one file that it names and that is read at once
    example = (ROOT / ".env.example").read_text()
    (tmp_path / ".env").write_text(re.sub(r"^# (?=[A-Z_]+=)", "", example, flags=re.MULTILINE))
    assert not [value for value in dotenv_values(tmp_path / ".env").values() if value and "#" in value]
    for settings in (UpSettings, WorkerSettings):
        settings(_env_file=tmp_path / ".env")


class TestLocks:
    """The check that `make check` runs, on locks that are wrong."""

    @pytest.fixture
    def check(self) -> Any:
        return runpy.run_path(str(ROOT / ".ci" / "locks.py"))

    @pytest.fixture
    def lock(self, tmp_path: Path) -> Path:
        path = tmp_path / "requirements.lock"
        path.write_text((ROOT / "requirements.lock").read_text())
        return path

    def digest(self, check: Any) -> str:
        return str(check["digest_of"](tomllib.loads((ROOT / "pyproject.toml").read_text())))

    def test_the_project_s_own_are_right(self, check: Any, lock: Path) -> None:
        assert check["check"](lock, self.digest(check)) == []

    def test_a_new_dependency_makes_them_stale(self, check: Any, lock: Path) -> None:
        pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
        pyproject["project"]["dependencies"].append("left-pad>=1")
        assert "not made from this pyproject.toml" in check["check"](lock, check["digest_of"](pyproject))[0]

    @pytest.mark.parametrize(
        "line", ["--index-url https://example.org/simple", "-f /wheels", "thing @ https://example.org/t.whl", "file:x"]
    )
    def test_a_place_in_them_is_refused(self, check: Any, lock: Path, line: str) -> None:
        lock.write_text(lock.read_text() + line + "\n")
        assert any("names a place" in problem for problem in check["check"](lock, self.digest(check)))

    def test_a_package_without_a_hash_is_refused(self, check: Any, lock: Path) -> None:
        lock.write_text(lock.read_text() + "left-pad==1.0\n")
        assert any("without a hash" in problem for problem in check["check"](lock, self.digest(check)))

    def test_a_missing_one_is_said(self, check: Any, tmp_path: Path) -> None:
        assert check["check"](tmp_path / "requirements.lock", "") == ["requirements.lock is missing: make lock"]
