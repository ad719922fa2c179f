"""Houses without LangServe: the package is blocked, as if it were not installed, and its recipe can be followed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.processes import ROOT

BLOCKED = ("langserve", "sse_starlette")
RECIPE = ROOT / "docs" / "decisions" / "langserve.md"
COPIED = ("backend", "wire", "ollama_worker", "sluice", "bench", "tests/backend", "pyproject.toml")


def path_without_langserve(folder: Path, sources: Path = ROOT) -> str:
    """A `PYTHONPATH` with these sources, on which Python finds neither LangServe nor what only LangServe needs."""
    folder.mkdir()
    lines = [f"sys.modules[{name!r}] = None" for name in BLOCKED]
    (folder / "sitecustomize.py").write_text("\n".join(["import sys", *lines]) + "\n")
    return os.pathsep.join([str(folder), str(sources)])


def sources_without_langserve(folder: Path) -> Path:
    """A copy of the tree on which the recipe "To remove it" was followed to the letter."""
    for name in COPIED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    subprocess.run(["bash", "-euc", recipe()], cwd=folder, check=True, timeout=60)
    return folder


def recipe() -> str:
    """The commands under "To remove it"."""
    block = re.search(r"^## To remove it\n.*?^```sh\n(.*?)^```", RECIPE.read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None, f"{RECIPE} has no commands"
    return block[1]
