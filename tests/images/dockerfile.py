"""Reads a Dockerfile: stages of instructions, as far as ours go."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "deploy" / "images"
PARTS = ("backend", "worker", "frontend")
FLAG = re.compile(r"^--(?P<name>[a-z-]+)=(?P<value>\S+)\s+")


class Step(NamedTuple):
    """One instruction. `flags`: (name, value) of its `--name=value`; `text`: what follows them, in one line."""

    keyword: str
    flags: tuple[tuple[str, str], ...]
    text: str
    line: int

    def flag(self, name: str) -> str | None:
        return next((value for key, value in self.flags if key == name), None)

    @property
    def words(self) -> list[str]:
        """The exec form's words; else as a shell would split them."""
        return [str(word) for word in json.loads(self.text)] if self.is_exec else shlex.split(self.text)

    @property
    def is_exec(self) -> bool:
        return self.text.startswith("[")

    @property
    def pairs(self) -> dict[str, str]:
        """The pairs of ENV and LABEL: `name=value …`; of ARG: `name[=default]`."""
        split = (word.partition("=") for word in self.words)
        return {name: value for name, _, value in split}


class Stage(NamedTuple):
    """The instructions from one FROM to the next. `base`: an image, its ARG in place; `name`: for COPY --from."""

    base: Step
    name: str
    steps: tuple[Step, ...]

    def of(self, *keywords: str) -> list[Step]:
        return [step for step in self.steps if step.keyword in keywords]

    def last(self, keyword: str) -> Step:
        return self.of(keyword)[-1]

    @property
    def env(self) -> dict[str, str]:
        return {name: value for step in self.of("ENV") for name, value in step.pairs.items()}


class Dockerfile(NamedTuple):
    """A whole file. `arguments`: ARGs before the first FROM, with their defaults."""

    name: str
    text: str
    arguments: dict[str, str]
    stages: tuple[Stage, ...]

    @property
    def final(self) -> Stage:
        return self.stages[-1]

    @property
    def steps(self) -> list[Step]:
        return [step for stage in self.stages for step in stage.steps]


@cache
def read(part: str) -> Dockerfile:
    """Reads the Dockerfile of `backend`, `worker` or `frontend`."""
    text = (IMAGES / f"{part}.Dockerfile").read_text()
    return parse(part, text)


def parse(name: str, text: str) -> Dockerfile:
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for step in _steps(text):
        if step.keyword == "FROM":
            words = step.text.split()
            stages.append(Stage(step, words[2] if len(words) == 3 else str(len(stages)), ()))
        elif stages:
            stages[-1] = stages[-1]._replace(steps=(*stages[-1].steps, step))
        else:
            arguments |= step.pairs
    return Dockerfile(name, text, arguments, tuple(stages))


def _steps(text: str) -> Iterator[Step]:
    for number, line in _whole_lines(text):
        keyword, _, rest = line.partition(" ")
        flags = []
        rest = rest.lstrip()
        while match := FLAG.match(rest):
            flags.append((match["name"], match["value"]))
            rest = rest[match.end() :]
        yield Step(keyword.upper(), tuple(flags), rest, number)


def _whole_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that end in a backslash, joined; without comments. Each has the number of its first line."""
    held, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not (line.strip() or held):
            continue
        began = began or number
        held += line.strip().removesuffix("\\").strip() + " "
        if not line.rstrip().endswith("\\"):
            yield began, held.strip()
            held, began = "", 0
