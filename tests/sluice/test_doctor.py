"""`sluice doctor` as a process: it finds what is wrong, prints what to do, and changes nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backend.store.migrate import NEWEST
from tests.support import forked
from tests.support.child import free_port
from tests.support.processes import clean_environment
from tests.support.valkey import Valkey

MODEL = "llama3.1:8b"
CHECKED = ("Python", "Data folder", "Redis", "Database", "Engine", "Port")
PAGES = {
    "/api/version": {"version": "0.24.0"},
    "/api/tags": {"models": [{"name": MODEL, "model": MODEL, "details": {}}]},
    "/api/ps": {"models": []},
}


class Doctor:
    """`sluice doctor` in an empty folder, with a simulated engine unless a test sets another."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(self, **env: str) -> tuple[int, str]:
        """(exit code, what it printed, in lines wide enough not to be broken)"""
        chosen = {"SLUICE_ENGINE": "simulated", "SLUICE_PORT": str(free_port()), "COLUMNS": "600", **env}
        done = forked.run("sluice", "doctor", env=clean_environment(**chosen), cwd=self._home)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    return Doctor(tmp_path)


@pytest.fixture
def ollama() -> Iterator[str]:
    """The URL of an Ollama that has one model."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneModel)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
    server.server_close()


class OneModel(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(PAGES.get(self.path, {})).encode()
        self.send_response(200 if self.path in PAGES else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Writes no line for a request."""


def line(printed: str, start: str) -> str:
    """The table's line about `start`."""
    return next(line for line in printed.splitlines() if line[1:].lstrip().startswith(start))


def test_on_a_machine_in_order_every_line_is_good(doctor: Doctor, tmp_path: Path) -> None:
    code, printed = doctor()
    assert code == 0
    assert "✗" not in printed
    assert [line(printed, what)[0] for what in CHECKED] == ["✓"] * len(CHECKED)
    assert list(tmp_path.iterdir()) == []  # the doctor changed nothing


def test_a_redis_that_is_down_is_reported(doctor: Doctor) -> None:
    closed = f"redis://:secret@127.0.0.1:{free_port()}"
    code, printed = doctor(REDIS_URL=closed)
    assert code == 1
    assert line(printed, "Redis").startswith("✗")
    assert "unset REDIS_URL" in line(printed, "Redis")
    assert "secret" not in printed
    assert line(printed, "Port").startswith("✓")  # the doctor looked at the rest all the same


def test_a_durable_redis_is_good(doctor: Doctor, fresh_valkey: Valkey) -> None:
    code, printed = doctor(REDIS_URL=fresh_valkey.url)
    assert code == 0
    assert "version 9" in line(printed, "Redis")


def test_a_redis_that_forgets_at_a_restart_is_reported(doctor: Doctor, valkey: Valkey) -> None:
    code, printed = doctor(REDIS_URL=valkey.url)
    assert code == 1
    assert "CONFIG SET appendonly yes" in line(printed, "Redis")


def test_a_history_that_is_migrated_is_good(doctor: Doctor, database_url: str) -> None:
    code, printed = doctor(DATABASE_URL=database_url)
    assert code == 0
    assert line(printed, "Database").rstrip().endswith(f"schema {NEWEST}")


def test_a_history_without_a_schema_gets_the_command_to_type(doctor: Doctor, empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(empty_database_url.removeprefix("sqlite:///")).touch()
    code, printed = doctor(DATABASE_URL=empty_database_url)
    assert code == 0
    assert "empty" in line(printed, "Database") and "sluice db migrate" in line(printed, "Database")


def test_a_history_that_does_not_answer_is_reported(doctor: Doctor) -> None:
    port = free_port()
    code, printed = doctor(DATABASE_URL=f"postgresql://ann:secret@127.0.0.1:{port}/chats?sslkey=secret")
    assert code == 1
    assert line(printed, "Database").startswith("✗")
    assert f"PostgreSQL at postgresql://127.0.0.1:{port}/chats, not usable" in line(printed, "Database")
    assert "secret" not in printed


def test_a_history_that_is_another_file_is_reported(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are no tables. " * 100)
    code, printed = doctor(DATABASE_URL=f"sqlite:///{tmp_path}/notes.txt")
    assert code == 1
    assert "not a database" in line(printed, "Database")


def test_an_ollama_with_the_model_is_good(doctor: Doctor, ollama: str) -> None:
    code, printed = doctor(SLUICE_ENGINE="auto", OLLAMA_BASE_URL=ollama, MODEL_NAME=MODEL)
    assert code == 0
    assert line(printed, "Model").startswith("✓")


def test_an_ollama_that_lacks_the_model_gets_the_command_to_type(doctor: Doctor, ollama: str) -> None:
    code, printed = doctor(SLUICE_ENGINE="auto", OLLAMA_BASE_URL=ollama, MODEL_NAME="mistral:7b")
    assert code == 1
    assert line(printed, "Engine").startswith("✓")
    assert line(printed, "Model").startswith("✗")
    assert "ollama pull mistral:7b" in line(printed, "Model")


def test_an_ollama_that_was_named_and_does_not_answer_is_reported(doctor: Doctor) -> None:
    code, printed = doctor(SLUICE_ENGINE="auto", OLLAMA_BASE_URL=f"127.0.0.1:{free_port()}")
    assert code == 1
    assert line(printed, "Engine").startswith("✗")


def test_a_gguf_file_that_is_missing_is_reported(doctor: Doctor) -> None:
    code, printed = doctor(SLUICE_ENGINE="llama-cpp", SLUICE_GGUF="/nowhere/model.gguf")
    assert code == 1
    assert "SLUICE_GGUF" in line(printed, "Engine")


def test_a_page_on_another_server_is_no_trouble(doctor: Doctor) -> None:
    _, printed = doctor(SLUICE_PAGE="elsewhere")
    assert "another server has it" in printed


def test_a_taken_port_is_reported(doctor: Doctor, valkey: Valkey) -> None:
    code, printed = doctor(SLUICE_PORT=str(valkey.port))
    assert code == 1
    assert "SLUICE_PORT" in line(printed, "Port")


def test_a_data_folder_that_is_a_file_is_reported(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, printed = doctor(SLUICE_DATA_DIR=str(tmp_path / "file"))
    assert code == 1
    assert "SLUICE_DATA_DIR" in line(printed, "Data folder")


@pytest.mark.parametrize("folder", ["/dev/null/x", "/" + "x" * 300], ids=["in a file", "too long"])
def test_a_data_folder_that_cannot_be_made_is_a_row_of_the_table(doctor: Doctor, folder: str) -> None:
    """The same holds where a model would be looked for in the folder."""
    closed = f"http://127.0.0.1:{free_port()}/m.gguf"
    _, printed = doctor(SLUICE_DATA_DIR=folder, SLUICE_ENGINE="auto", SLUICE_GGUF_URL=closed)
    assert "Traceback" not in printed
    assert {line(printed, what)[0] for what in CHECKED} <= {"✓", "✗"}


def test_a_wrong_setting_is_named_before_anything_is_looked_at(doctor: Doctor) -> None:
    code, printed = doctor(SLUICE_WORKERS="many")
    assert code == 2
    assert "SLUICE_WORKERS" in printed
