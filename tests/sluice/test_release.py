"""The archive that `make release` writes: a commit, and the page that was built from it."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from sluice.frontend import Frontend, source_hash
from tests.sluice.page_sources import PageSources

RELEASE = Path(__file__).parents[2] / ".ci" / "release.py"
AUTHOR = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *AUTHOR, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Releases a small checkout whose page is built; the wheel, which needs a real checkout, is left out."""
    spec = importlib.util.spec_from_file_location("release", RELEASE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = PageSources(tmp_path)
    (tmp_path / ".gitignore").write_text("out/\ntools/\ndist/\n.expected\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "All")
    built = page.folder / "out"
    (built / "_next").mkdir(parents=True)
    (built / "index.html").write_text("page")
    (built / "_next" / "a.js").write_bytes(b"\0script")
    (built / ".source-hash").write_text(source_hash(page.folder) + "\n")
    for name, path in (("ROOT", tmp_path), ("DIST", tmp_path / "dist"), ("PAGE", built)):
        monkeypatch.setattr(module, name, path)
    monkeypatch.setattr(module.sys, "executable", "true")
    return module


def test_the_archive_holds_the_commit_and_its_page_which_needs_no_building(release: ModuleType, tmp_path: Path) -> None:
    assert release.main() == 0
    there = tmp_path / "unpacked"
    with tarfile.open(tmp_path / "dist" / "sluice-1.2.3.tar.gz") as archive:
        archive.extractall(there, filter="data")
        assert {(entry.uid, entry.uname) for entry in archive} == {(0, "root")}
    [root] = there.iterdir()
    assert root.name == "sluice-1.2.3"
    assert (root / "frontend" / "out" / "_next" / "a.js").read_bytes() == b"\0script"
    assert (root / "frontend" / "app" / "page.tsx").read_text() == "page"
    assert Frontend(root / "frontend").fresh


def test_the_same_page_is_the_same_archive_whoever_packs_it_and_when(release: ModuleType) -> None:
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w").close()
    first = release.with_page(empty.getvalue(), "sluice")
    (release.PAGE / "index.html").touch()
    assert release.with_page(empty.getvalue(), "sluice") == first


def test_a_page_of_other_sources_is_not_released(
    release: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (release.PAGE / ".source-hash").write_text("of others\n")
    assert release.main() == 1
    assert "make page" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()


def test_a_tree_with_changes_is_not_released(release: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "frontend" / "app" / "page.tsx").write_text("changed")
    assert release.main() == 1
    assert not (tmp_path / "dist").exists()
