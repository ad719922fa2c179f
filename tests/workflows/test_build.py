"""What the workflow hands to the builder; the builder is a stand-in that writes down what it got."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflows.files import ROOT

DIGEST = "@sha256:" + "a" * 64
HUB = {"GITHUB_SERVER_URL": "https://hub.example.org", "GITHUB_REPOSITORY": "somebody/sluice"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """As much of our tree as the script reads, with every base pinned."""
    for name in (".ci/pin_images.py", "deploy/digests.env", "pyproject.toml", ".github/scripts/build.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    pin(tmp_path, DIGEST)
    (tmp_path / "docker").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / "docker").chmod(0o755)
    return tmp_path


def pin(tree: Path, digest: str) -> None:
    file = tree / "deploy/digests.env"
    file.write_text(re.sub(r"^([A-Z]+_IMAGE=[^@\s]+).*$", rf"\g<1>{digest}", file.read_text(), flags=re.MULTILINE))


def build(tree: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{tree}:{os.environ['PATH']}"
    command = [tree / ".github/scripts/build.sh", *words]
    whole = {**os.environ, "PATH": path, "GITHUB_SHA": "0123abcd", **HUB, **env}
    return subprocess.run(command, env=whole, capture_output=True, text=True, check=False, timeout=60)


def test_an_image_is_built_of_pinned_bases_and_labelled(tree: Path) -> None:
    done = build(tree, "backend", "--load", "--tag", "sluice-backend:new")
    assert done.returncode == 0, done.stderr
    words = done.stdout.splitlines()
    assert words[:4] == ["buildx", "build", "--file", "deploy/images/backend.Dockerfile"]
    assert words[-4:] == ["--load", "--tag", "sluice-backend:new", "."]
    given = dict(word.split("=", 1) for word, before in zip(words[1:], words, strict=False) if before == "--build-arg")
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version and given.pop("VERSION") == version[1] and given.pop("REVISION") == "0123abcd"
    assert given.pop("SOURCE") == "https://hub.example.org/somebody/sluice"
    assert given.pop("KUBERNETES") == "1"  # components/pod-deletion-cost wants the client
    assert set(given) == {"PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE"}
    assert all(image.endswith(DIGEST) for image in given.values())


def test_a_base_without_a_digest_is_refused(tree: Path) -> None:
    pin(tree, "")
    done = build(tree, "worker", "--push")
    assert done.returncode == 1 and "buildx" not in done.stdout
    assert "make pin-images" in done.stderr


def test_an_image_that_is_thrown_away_may_stand_on_a_tag(tree: Path) -> None:
    pin(tree, "")
    done = build(tree, "worker", "--load", ALLOW_UNPINNED="1")
    assert done.returncode == 0 and "buildx" in done.stdout


def test_every_argument_that_a_dockerfile_has_for_a_base_is_given(tree: Path) -> None:
    given = build(tree, "frontend").stdout
    for path in (ROOT / "deploy/images").glob("*.Dockerfile"):
        for name in re.findall(r"^ARG (\w+_IMAGE)\b", path.read_text(), re.MULTILINE):
            assert f"{name}=" in given, f"{path.name} stands on {name}"
