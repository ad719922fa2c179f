"""`.ci/programs`: the programs that the tests need of the system, in one list for `make test` and for CI."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The script is written with these programs, and looks for the stand-ins.
TOOLS = ("bash", "dirname", "find", "head", "id", "paste", "sed", "sort")
LOOKED_FOR = (
    *("chromium", "curl", "git", "ip", "make", "nginx", "openssl", "postgres", "ps", "redis-check-rdb", "tini"),
    "npm",
)
MISSING = "The tests need what is not here; to copy:"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with all programs of a machine; nothing is missing."""
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
    """Runs the script of a checkout without a virtual environment, on this machine."""
    script = machine / "checkout" / ".ci" / "programs"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_bytes((ROOT / ".ci" / "programs").read_bytes())
    command = [str(machine / "bash"), str(script), *words]
    return subprocess.run(command, env={"PATH": str(machine)}, capture_output=True, text=True, check=False)


def test_a_machine_that_has_everything_passes_in_silence(machine: Path) -> None:
    for word in ("check", "install", "node"):
        done = programs(machine, word)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("nginx", "nginx-light"),
        ("ip", "iproute2"),
        ("ps", "procps"),
        ("chromium", "chromium"),
        ("go", "golang-go"),
    ],
)
def test_the_line_to_copy_brings_what_is_missing_and_runs_the_tests(machine: Path, program: str, package: str) -> None:
    (machine / program).unlink()
    done = programs(machine, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{MISSING} apt-get update && apt-get install -y {package} && make test\n"


def test_one_line_brings_all_missing_programs_and_leaves_out_those_that_only_root_can_run(machine: Path) -> None:
    stand_in(machine / "id", "echo 1000")
    assert programs(machine, "check").stderr == f"{MISSING} make test ARGS=--ignore=tests/cluster\n"
    (machine / "nginx").unlink()
    (machine / "curl").unlink()
    assert programs(machine, "check").stderr == (
        f"{MISSING} sudo apt-get update && sudo apt-get install -y curl nginx-light && "
        "make test ARGS=--ignore=tests/cluster\n"
    )
    assert programs(machine, "missing").stdout.split() == ["curl", "nginx-light"]


def test_a_go_that_is_too_old_is_named_since_the_system_s_package_is_as_old(machine: Path) -> None:
    stand_in(machine / "go", "echo go1.19.8")
    done = programs(machine, "check")
    assert (done.returncode, done.stderr) == (1, "The tests need Go 1.21 or newer; with one on the PATH: make test\n")


def test_a_missing_program_is_installed_where_that_is_allowed(machine: Path) -> None:
    (machine / "nginx").unlink()
    (machine / "curl").unlink()
    brings = f"{shutil.which('ln')} -sf bash {machine}/nginx"
    stand_in(machine / "apt-get", f'echo "$@" >> {machine}/calls; {brings}')
    (machine / "xargs").symlink_to(Path(shutil.which("xargs") or "xargs").resolve())
    assert programs(machine, "install", "nginx", "ip").returncode == 0
    assert (machine / "calls").read_text().splitlines() == [
        "update -qq",
        "install -y -qq --no-install-recommends nginx-light",
    ]
    (machine / "nginx").unlink()
    stand_in(machine / "id", "echo 1000")
    refused = programs(machine, "install", "nginx")
    line = f"{MISSING} sudo apt-get update && sudo apt-get install -y nginx-light && make test\n"
    assert (refused.returncode, refused.stderr) == (1, line)


def test_a_program_that_cannot_be_installed_is_requested_before_anything_runs(machine: Path) -> None:
    (machine / "nginx").unlink()
    refused = programs(machine, "install")
    assert (refused.returncode, refused.stderr) == (
        1,
        f"{MISSING} apt-get update && apt-get install -y nginx-light && make test\n",
    )


def test_a_node_that_is_missing_or_too_old_is_brought_into_the_virtual_environment(machine: Path) -> None:
    stand_in(machine / "node", "echo v18.20.0")
    assert programs(machine, "node").returncode == 1
    stand_in(machine / "node", "echo v20.1.0")
    (machine / "npm").unlink()
    assert programs(machine, "node").returncode == 1
    plan = plan_of("test")
    assert any(".ci/programs node ||" in line and ".ci/node.lock" in line for line in plan)


def plan_of(target: str) -> list[str]:
    """The commands that make would run."""
    plan = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [line for line in plan.replace("\\\n", "").splitlines() if not line.startswith(("#", "make["))]


def test_make_test_brings_the_programs_that_it_needs_before_anything_else() -> None:
    """A second command is never needed; CI installs out of the same list, and has no other."""
    assert plan_of("test")[0].endswith(".ci/programs install")
    run = (ROOT / ".ci" / "run").read_text()
    assert ".ci/programs install\n" in run and "apt-get" not in run
    workflow = (ROOT / ".github/workflows/ci.yaml").read_text()
    assert re.findall(r"apt-get install .*", workflow) == ["apt-get install -y -qq --no-install-recommends shellcheck"]
