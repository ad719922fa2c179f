"""Reads docker-compose.yml as Compose does, as far as ours goes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

from tests.images.dockerfile import ROOT

FILE = ROOT / "docker-compose.yml"
VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Z_]+)(?::-([^}]*))?\})")
Service = dict[str, Any]


def interpolated(text: str, given: Mapping[str, str] | None = None) -> str:
    """Expands `${NAME:-default}` and `$$`; a variable without a default has to be given."""
    known = given or {}

    def value(match: re.Match[str]) -> str:
        dollar, name, default = match.groups()
        return "$" if dollar else known.get(name) or (default if default is not None else known[name])

    return VARIABLE.sub(value, text)


@cache
def whole() -> dict[str, Any]:
    """The file with no variable set."""
    return parsed({})


def parsed(given: Mapping[str, str]) -> dict[str, Any]:
    """The file with these variables: comments aside, since they name variables too."""
    parsed_file: dict[str, Any] = _walk(yaml.safe_load(FILE.read_text()), given)
    return parsed_file


def services() -> dict[str, Service]:
    parsed_file: dict[str, Service] = whole()["services"]
    return parsed_file


def _walk(node: Any, given: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _walk(value, given) for key, value in node.items()}
    if isinstance(node, list):
        return [_walk(value, given) for value in node]
    return interpolated(node, given) if isinstance(node, str) else node
