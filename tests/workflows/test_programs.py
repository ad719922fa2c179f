"""`.ci/programs`: what the tests need of the system, in one list for `make test` and for CI."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What the script itself is written with, and stand-ins for what it looks for.
TOOLS = ("bash", "dirname", "find", "head", "id", "paste", "sed", "sort")
LOOKED_FOR = (
    *("chromium", "curl", "git", "ip", "make", "nginx", "openssl", "postgres", "ps", "redis-check-rdb", "tini"),
    "npm",
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs that is all a machine has; nothing is missing."""
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(Path(shutil.which(tool) or tool).resolve())
    for program in LOOKED_FOR:
        stand_in(tmp_path / program, "")
    stand_in(tmp_path / "python3", "")
    stand_in(tmp_path / "node", "echo v20.1.0")
    stand_in(tmp_path / "go", "echo go1.21.0")
    stand_in(tmp_path / "id", "echo 0")
    return tmp_path


def stand_in(program: Path, does: str) -> None:
    program.unlink(missing_ok=True)
    program.write_text(f"#!{shutil.which('sh')}\n{does}\n")
    program.chmod(0o755)


def programs(machine: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The script of a checkout without a virtual environment, on this machine."""
    script = machine / "checkout" / ".ci" / "programs"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_bytes((ROOT / ".ci" / "programs").read_bytes())
    command = [str(machine / "bash"), str(script), *words]
    return subprocess.run(command, env={"PATH": str(machine)}, capture_output=True, text=True, check=False)


def test_a_machine_that_has_everything_is_let_pass_in_silence(machine: Path) -> None:
    done = programs(machine, "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("program", "advice"),
    [
        ("nginx", "apt-get install nginx-light"),
        ("ip", "apt-get install iproute2"),
        ("ps", "apt-get install procps"),
        ("chromium", "apt-get install chromium"),
        ("npm", "Node 20 or newer (make node)"),
        ("go", "Go 1.21 or newer"),
    ],
)
def test_what_is_missing_is_said_in_one_line(machine: Path, program: str, advice: str) -> None:
    (machine / program).unlink()
    done = programs(machine, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The tests need what is not here: {advice}\n"


def test_all_that_is_missing_is_said_at_once(machine: Path) -> None:
    (machine / "nginx").unlink()
    (machine / "curl").unlink()
    stand_in(machine / "node", "echo v18.20.0")
    stand_in(machine / "id", "echo 1000")
    line = programs(machine, "check").stderr
    assert line == (
        "The tests need what is not here: apt-get install curl nginx-light; Node 20 or newer (make node); "
        "root, for hosts of their own (without them: make test ARGS=--ignore=tests/cluster)\n"
    )
    assert programs(machine, "missing").stdout.split() == ["curl", "nginx-light"]


def test_what_is_missing_is_installed_where_that_is_allowed(machine: Path) -> None:
    (machine / "nginx").unlink()
    (machine / "curl").unlink()
    stand_in(machine / "apt-get", f'echo "$@" >> {machine}/calls')
    (machine / "xargs").symlink_to(Path(shutil.which("xargs") or "xargs").resolve())
    assert programs(machine, "install", "nginx", "ip").returncode == 0
    assert (machine / "calls").read_text().splitlines() == [
        "update -qq",
        "install -y -qq --no-install-recommends nginx-light",
    ]
    stand_in(machine / "id", "echo 1000")
    refused = programs(machine, "install", "nginx")
    assert (refused.returncode, refused.stderr) == (1, "The tests need what is not here: apt-get install nginx-light\n")


def test_every_test_is_run_only_where_nothing_is_missing() -> None:
    """`make test` looks before it builds or runs anything; CI installs out of the same list, and has no other."""
    plan = subprocess.run(["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first = next(line for line in plan.splitlines() if not line.startswith(("#", "make[")))
    assert first.endswith(".ci/programs check")
    run = (ROOT / ".ci" / "run").read_text()
    assert ".ci/programs install\n" in run and "apt-get" not in run
    workflow = (ROOT / ".github/workflows/ci.yaml").read_text()
    assert re.findall(r"apt-get install .*", workflow) == ["apt-get install -y -qq --no-install-recommends shellcheck"]
