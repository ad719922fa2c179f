"""The settings that `sluice up` reads from its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluice.settings import UpSettings


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Removes every variable and every `.env` of the developer's."""
    monkeypatch.chdir(tmp_path)
    for name in ("REDIS_URL", "SLUICE_HOST", "SLUICE_PORT", "PORT", "SLUICE_DATA_DIR", "SLUICE_ALLOW_OPEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("::1", "http://[::1]:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("10.1.2.3", "http://10.1.2.3:8000"),
    ],
)
def test_the_url_is_one_that_a_browser_here_can_open(monkeypatch: pytest.MonkeyPatch, host: str, url: str) -> None:
    monkeypatch.setenv("SLUICE_HOST", host)
    monkeypatch.setenv("SLUICE_ALLOW_OPEN", "1")
    assert UpSettings().url == url


def test_the_port_has_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    assert UpSettings().port == 9000
    monkeypatch.setenv("SLUICE_PORT", "9001")
    assert UpSettings().port == 9001


def test_the_data_folder_is_absolute_and_knows_the_user_s_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert UpSettings().data_dir == tmp_path / ".sluice"
    monkeypatch.setenv("SLUICE_DATA_DIR", "~/chats")
    assert UpSettings().data_dir == Path.home() / "chats"


@pytest.mark.parametrize("value", [None, ""])
def test_a_redis_counts_as_given_only_where_it_is_set(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("REDIS_URL", value)
    assert not UpSettings().redis_is_given
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:6379")  # also where it is set to the default
    assert UpSettings().redis_is_given
