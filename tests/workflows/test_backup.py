"""deploy/backup.sh and docs/deploy/backup.md on real servers; `kubectl` runs a pod's command here, as a stand-in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from tests.support.house import Houses
from tests.support.postgres import Postgres, binaries, run_apart
from tests.support.processes import clean_environment
from tests.support.valkey import Valkey
from tests.support.waiting import eventually, wait_until
from tests.workflows.files import ROOT

BACKUP = ROOT / "deploy" / "backup.sh"
KUBECTL = """#!/bin/bash
set -o pipefail
shift 2
echo "$*" >> "$HOME/calls"
case "$1" in
    exec)
        while [ "$1" != -- ]; do shift; done
        shift
        for word; do
            set -- "$@" "$(printf %s "$word" | sed "s#/data#$REDIS_DATA#g")"
            shift
        done
        case "$*" in *"tar --create"* | *pg_dump*) ;; *) exec "$@" ;; esac
        if [ -e "$HOME/cut" ]; then "$@" | head -c 700; exit "$(cat "$HOME/cut")"; fi
        "$@" | cat # what a pod's command writes to is no file
        status=$?
        [ ! -e "$HOME/meanwhile" ] || "$HOME/meanwhile"
        exit "$status" ;;
    get) echo "5 1800" ;;
    delete) touch "$HOME/deleted" ;;
    rollout) [ "$3" != statefulset/redis ] || until [ -e "$HOME/started" ]; do sleep 0.05; done ;;
esac
"""


class Pods:
    """The pods of a house: each runs its commands beside the server whose pod it would be."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home = home
        home.mkdir()
        (home / "kubectl").write_text(KUBECTL)
        (home / "kubectl").chmod(0o755)
        self.env = {"HOME": str(home), "PATH": f"{home}:{binaries()}:{os.environ['PATH']}", **env}

    def begin(self, *words: str | Path) -> subprocess.Popen[str]:
        command = [BACKUP, *words]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def backup(self, *words: str | Path) -> str:
        """What the script prints; it ends with success."""
        return ended(self.begin(*words))

    @property
    def calls(self) -> list[str]:
        return (self.home / "calls").read_text().splitlines()


def ended(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0, printed
    return printed


@pytest.fixture
def pods(tmp_path: Path, fresh_valkey: Valkey) -> Pods:
    return Pods(tmp_path / "pods", REDIS_DATA=str(fresh_valkey.cwd))


def restore(pods: Pods, valkey: Valkey, file: Path) -> None:
    """Kubernetes' part: a pod that is deleted gets SIGTERM, and is started again on its volume."""
    process = pods.begin("restore", "redis", file)
    wait_until(lambda: (pods.home / "deleted").exists() or process.poll() is not None, 30, "the pod is deleted")
    valkey.stop()
    valkey.start()
    (pods.home / "started").touch()
    ended(process)


async def left_behind(url: str) -> str:
    """Submits a job with `continue`, whose caller leaves."""
    body = {"messages": [{"role": "user", "content": "!tokens 3"}]}
    headers = {"X-Sluice-On-Disconnect": "continue"}
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", url + "/api/chat", json=body, headers=headers) as answer,
    ):
        return answer.headers["X-Sluice-Job"]


async def completed(url: str, job: str) -> None:
    async with httpx.AsyncClient() as client:

        async def look() -> bool:
            answer = await client.get(f"{url}/api/jobs/{job}")
            return answer.status_code == 200 and answer.json()["state"] == "completed"

        await eventually(look, 30, f"job {job} is completed")


async def test_jobs_that_waited_when_the_copy_was_made_are_answered_after_the_restore(
    house: Houses, fresh_valkey: Valkey, pods: Pods, tmp_path: Path
) -> None:
    whole = await house(workers=0, redis_url=fresh_valkey.url)
    jobs = [await left_behind(whole.url) for _ in range(3)]
    await asyncio.to_thread(fresh_valkey.written)
    pods.backup("save", "redis", tmp_path / "queue.tar")
    fresh_valkey.flush()
    restore(pods, fresh_valkey, tmp_path / "queue.tar")
    whole.start_worker()
    for job in jobs:
        await completed(whole.url, job)
    calls = [call for call in pods.calls if not call.startswith("exec")]
    assert [call.split()[0] for call in calls] == ["get", "scale", "wait", "delete", "rollout", "scale", "rollout"]
    assert calls[1].endswith("--replicas 0") and calls[5].endswith("--replicas 5"), "as many workers as there were"
    assert calls[2].endswith("--timeout 1860s"), "the pods may take their whole grace"


@contextlib.contextmanager
def busy(valkey: Valkey) -> Iterator[list[int]]:
    """A writer; the list's last entry is the number that was acknowledged last."""
    acknowledged, over = [0], threading.Event()

    def write() -> None:
        while not over.is_set():
            assert valkey.command_line("SET", "number", str(acknowledged[-1] + 1)) == b"+OK\r\n"
            acknowledged.append(acknowledged[-1] + 1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield acknowledged
    finally:
        over.set()
        thread.join()


def test_a_copy_of_a_busy_queue_holds_what_was_acknowledged_before(
    fresh_valkey: Valkey, pods: Pods, tmp_path: Path
) -> None:
    with busy(fresh_valkey) as acknowledged:
        wait_until(lambda: acknowledged[-1] > 50, 20, "it is busy")
        before = acknowledged[-1]
        fresh_valkey.written()
        pods.backup("save", "redis", tmp_path / "queue.tar")
    assert before <= number_in(tmp_path / "queue.tar", tmp_path) <= acknowledged[-1]


def number_in(copy: Path, home: Path) -> int:
    """The value that a fresh server reads out of the copy."""
    other = Valkey(home / "other", appendonly=True)
    subprocess.run(["tar", "-xf", copy, "-C", other.cwd], check=True)
    other.start()
    try:
        return int(other.command_line("GET", "number").split(b"\r\n")[1])
    finally:
        other.stop()


def rewrite_meanwhile(pods: Pods, valkey: Valkey, times: int) -> None:
    """The server writes its file anew, behind the back of a copy that was just made."""
    script = pods.home / "meanwhile"
    script.write_text(
        f"""#!/bin/bash
echo . >>"$HOME/copies"
[ "$(wc -l <"$HOME/copies")" -le {times} ] || exit 0
exec 3<>/dev/tcp/127.0.0.1/{valkey.port}
printf 'BGREWRITEAOF\\r\\n' >&3
read -r answer <&3
# The manifest changes when this begins and again when it ends; only then is the next copy left in peace.
going=1
while [ "$going" = 1 ]; do
    printf 'INFO persistence\\r\\n' >&3
    until [[ $answer = aof_rewrite_in_progress:* ]]; do read -r answer <&3; done
    answer=${{answer%$'\\r'}} going=${{answer#*:}}
    until [[ $answer = aof_current_rewrite_time_sec:* ]]; do read -r answer <&3; done
done
# The files that it no longer needs go a moment later still.
until [ "$(ls {valkey.cwd}/appendonlydir | wc -l)" = 3 ]; do sleep 0.02; done
"""
    )
    script.chmod(0o755)


def copies(pods: Pods) -> int:
    return len((pods.home / "copies").read_text().splitlines())


def test_a_copy_that_the_server_rewrote_behind_is_made_again(fresh_valkey: Valkey, pods: Pods, tmp_path: Path) -> None:
    fresh_valkey.command_line("SET", "number", "7")
    fresh_valkey.written()
    rewrite_meanwhile(pods, fresh_valkey, times=1)
    pods.backup("save", "redis", tmp_path / "queue.tar")
    assert copies(pods) == 2
    assert number_in(tmp_path / "queue.tar", tmp_path) == 7


def test_a_copy_that_the_server_rewrites_each_time_is_given_up(
    fresh_valkey: Valkey, pods: Pods, tmp_path: Path
) -> None:
    rewrite_meanwhile(pods, fresh_valkey, times=99)
    process = pods.begin("save", "redis", tmp_path / "queue.tar")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "written anew" in printed
    assert copies(pods) == 5
    assert not (tmp_path / "queue.tar").exists()


@pytest.mark.parametrize("status", [0, 1])
def test_a_copy_of_the_queue_that_breaks_off_takes_no_other_s_place(
    fresh_valkey: Valkey, pods: Pods, tmp_path: Path, status: int
) -> None:
    """Whatever status `kubectl exec` returns; 1 is also tar's status for a file that grew."""
    fresh_valkey.command_line("SET", "number", "x" * 5000)
    fresh_valkey.written()
    refuses_what_breaks_off(pods, "redis", tmp_path, status)


def refuses_what_breaks_off(pods: Pods, kind: str, home: Path, status: int) -> None:
    (pods.home / "cut").write_text(str(status))
    (home / "kept").mkdir()
    file = home / "kept" / "copy"
    file.write_text("yesterday's")
    process = pods.begin("save", kind, file)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1, printed
    assert list(file.parent.iterdir()) == [file] and file.read_text() == "yesterday's"


def test_a_file_that_is_no_copy_is_not_restored(pods: Pods, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a copy")
    for kind, what in (("redis", "queue"), ("postgres", "database")):
        process = pods.begin("restore", kind, tmp_path / "notes.txt")
        printed, _ = process.communicate(timeout=30)
        assert process.returncode == 1 and f"is no copy of a {what}" in printed
    assert not (pods.home / "calls").exists()


@pytest.mark.parametrize("words", [(), ("save",), ("save", "mysql", "file"), ("drop", "redis", "file")])
def test_an_unknown_command_is_refused(pods: Pods, words: tuple[str, ...]) -> None:
    process = pods.begin(*words)
    printed, _ = process.communicate(timeout=30)
    assert process.returncode == 2 and "deploy/backup.sh save" in printed


# The history


@pytest.fixture
def history(shared_postgres: Postgres) -> Iterator[Postgres]:
    """A database of the name that the manifests give it."""
    shared_postgres.execute("CREATE DATABASE sluice")
    yield shared_postgres
    shared_postgres.execute("DROP DATABASE sluice")


def sluice_db(url: str, *words: str) -> None:
    command = [sys.executable, "-m", "sluice", "db", *words]
    done = subprocess.run(command, env=clean_environment(DATABASE_URL=url), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def messages(url: str) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(url)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM messages"))
        finally:
            await connection.close()

    return run_apart(count)


def pods_of(history: Postgres, home: Path) -> Pods:
    return Pods(home / "pods", PGHOST="127.0.0.1", PGPORT=str(history.port), POSTGRES_PASSWORD="none")


def test_a_copy_of_the_history_that_breaks_off_takes_no_other_s_place(history: Postgres, tmp_path: Path) -> None:
    sluice_db(history.url("sluice"), "migrate")
    refuses_what_breaks_off(pods_of(history, tmp_path), "postgres", tmp_path, 0)


def test_conversations_come_back_after_a_reset(history: Postgres, tmp_path: Path) -> None:
    pods = pods_of(history, tmp_path)
    url = history.url("sluice")
    sluice_db(url, "migrate")
    sluice_db(url, "seed")
    there = messages(url)
    pods.backup("save", "postgres", tmp_path / "history.dump")
    sluice_db(url, "reset", "--yes")
    assert there > messages(url) == 0
    pods.backup("restore", "postgres", tmp_path / "history.dump")
    assert messages(url) == there
    sluice_db(url, "migrate")  # the schema's step came back with the copy


def blocks(heading: str) -> str:
    """The shell commands below a heading of docs/deploy/backup.md."""
    text = (ROOT / "docs/deploy/backup.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))


def test_the_commands_for_one_machine_save_a_house_and_bring_it_back(tmp_path: Path) -> None:
    """The commands as they stand in the docs, in a folder like a checkout's."""
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    data = tmp_path / ".sluice"
    (data / "valkey" / "appendonlydir").mkdir(parents=True)
    (data / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("a queue")
    url = f"sqlite:///{data}/sluice.db"
    sluice_db(url, "seed")
    saving, restoring = re.split(r"^# later.*$", blocks("One machine"), flags=re.MULTILINE)
    for commands, change in ((saving, "rm -r .sluice"), (restoring, "true")):
        script = f"set -eu\numask 022\n{commands}\n{change}\n"
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert (data / "valkey" / "appendonlydir" / "appendonly.aof.manifest").read_text() == "a queue"
    made = (tmp_path / "backup" / "sluice.db", tmp_path / "backup" / "queue.tar", data, data / "sluice.db")
    assert [path for path in made if path.stat().st_mode & 0o077] == [], "everybody's chats are this user's alone"
    with contextlib.closing(sqlite3.connect(data / "sluice.db")) as connection:
        assert connection.execute("SELECT count(*) FROM messages").fetchone()[0] > 0
