"""One word a concept: within a top package a class's name means one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", ["wire", "backend", "ollama_worker", "sluice", "bench"])
def test_no_two_classes_of_a_package_share_a_name(package: str) -> None:
    files = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(str(path.relative_to(ROOT)))
    assert files, "the package was read"
    assert {name: where for name, where in files.items() if len(where) > 1} == {}
