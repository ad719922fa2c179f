"""The workflows are clean, pinned, and may do as little as they need."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.chromium import ARTEFACTS
from tests.workflows.files import ROOT, SCRIPTS, WORKFLOWS, jobs, read, steps, uses

PINS = ROOT / "docs" / "decisions" / "deploy-pins.md"
EXPRESSION = re.compile(r"\$\{\{")


def run(*command: str | Path) -> str:
    """All that the program prints; "" where it has no finding and ends with success."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.timeout(600)  # the first call builds the program
def test_actionlint_has_no_finding() -> None:
    assert run(SCRIPTS / "actionlint.sh") == ""


ZIZMOR = (Path(sys.executable).parent / "zizmor", "--offline", "--no-progress", "--persona", "auditor")


def test_zizmor_has_no_finding_in_the_auditors_mode_either() -> None:
    assert run(*ZIZMOR, ROOT / ".github") == ""


def test_zizmor_would_report_a_branch_s_name_in_a_script(tmp_path: Path) -> None:
    text = (ROOT / ".github/workflows/ci.yaml").read_text()
    assert "- run: make check\n" in text
    worse = tmp_path / ".github" / "workflows" / "ci.yaml"
    worse.parent.mkdir(parents=True)
    worse.write_text(text.replace("- run: make check\n", '- run: echo "${{ github.head_ref }}"\n'))
    assert "template-injection" in run(*ZIZMOR, worse)


def test_every_action_is_a_commit_with_its_version_beside_it() -> None:
    actions = list(uses())
    assert len(actions) > 20
    for use in actions:
        assert re.fullmatch(r"[0-9a-f]{40}", use["revision"]), use[0]
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", use["comment"]), use[0]


def test_an_action_has_one_commit_everywhere_and_it_is_the_one_that_was_checked() -> None:
    pinned = {(use["action"], use["revision"], use["comment"].removeprefix(" # ")) for use in uses()}
    noted = set(re.findall(r"^\| `(\S+)` \| (?:\S+) \| `([0-9a-f]{40})` ", PINS.read_text(), re.MULTILINE))
    versions = dict(re.findall(r"^\| `(\S+)` \| (\S+) \|", PINS.read_text(), re.MULTILINE))
    assert {(action, revision) for action, revision, _ in pinned} == noted
    assert {(action, version) for action, _, version in pinned} == set(versions.items())


def test_a_workflow_may_do_nothing_and_a_job_lists_what_it_may() -> None:
    for path in WORKFLOWS:
        assert read(path)["permissions"] == {}, path.name
    writing = {}
    for name, job in jobs():
        assert "contents" in job["permissions"], name
        writing[name] = {scope for scope, level in job["permissions"].items() if level == "write"}
    signing = {"id-token", "attestations", "artifact-metadata"}
    assert {name: scopes for name, scopes in writing.items() if scopes} == {
        "build-and-deploy.yaml: build": signing,
        "pins.yaml: pins": {"contents", "pull-requests"},
        "release.yaml: release": {"contents", *signing},
    }


def test_nothing_of_an_event_is_written_into_a_script() -> None:
    assert [name for name, step in steps() if EXPRESSION.search(step.get("run", ""))] == []


def test_secrets_are_read_by_one_step_each_and_never_by_a_pull_request() -> None:
    readers = {}
    for path in WORKFLOWS:
        text = path.read_text()
        readers[path.name] = re.findall(r"secrets\.(\w+)", text)
        if "secrets." in text:
            assert "pull_request" not in read(path)["on"]
    assert readers.pop("build-and-deploy.yaml") == ["GHCR_TOKEN", "KUBECONFIG_CONTENT"]
    assert not any(readers.values())


def test_no_checkout_leaves_a_token_behind() -> None:
    for name, step in steps():
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name


def test_every_job_ends_by_itself_on_a_system_of_one_version() -> None:
    for name, job in jobs():
        if "uses" not in job:  # another workflow's jobs list their rights there
            assert job["timeout-minutes"] <= 350, name
            assert job["runs-on"] == "ubuntu-24.04", name


def test_the_matrix_has_every_python_node_and_server_that_is_promised() -> None:
    rows = read(ROOT / ".github/workflows/ci.yaml")["jobs"]["tests"]["strategy"]["matrix"]["include"]
    assert {row["python"] for row in rows} == {"3.11", "3.12", "3.13"}
    assert {row["node"] for row in rows} == {"20", "24"}
    servers = {row["server"].removeprefix("valkey/") for row in rows}
    assert servers == {"", "redis:7", "redis:8", "valkey:8", "valkey:9"}


def test_all_tests_run_in_some_job() -> None:
    """A folder of tests that one job leaves out is named by another."""
    text = (ROOT / ".github/workflows/ci.yaml").read_text()
    left_out = set(re.findall(r"--ignore=(tests/\w+)", text))
    requested = set(re.findall(r"(?:pytest|ARGS=|\s)(tests/\w+)", text))
    assert left_out == {"tests/browser", "tests/deploy", "tests/workflows", "tests/images", "tests/cluster"}
    assert left_out <= requested


def test_the_pictures_of_the_browser_tests_are_kept_whatever_became_of_them() -> None:
    steps = read(ROOT / ".github/workflows/ci.yaml")["jobs"]["browser"]["steps"]
    *_, tested, kept = steps
    assert tested["run"] == "make test ARGS=tests/browser"
    assert kept["if"] == "always()" and kept["uses"].startswith("actions/upload-artifact@")
    assert ROOT / kept["with"]["path"] == ARTEFACTS
    # The action would pass the folder over otherwise.
    assert kept["with"]["include-hidden-files"] is True and kept["with"]["if-no-files-found"] == "error"


def test_every_script_that_a_workflow_runs_is_there() -> None:
    named = {
        name for _, step in steps() for name in re.findall(r"(?:\.github|\.ci)/\S+\.(?:py|sh)", step.get("run", ""))
    }
    assert {"build.sh", "changed.py", "rolled_out.py", "rollout.py", "notes.py"} <= {
        name.rpartition("/")[2] for name in named
    }
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_nothing_is_pushed_or_rolled_out_that_has_not_passed_ci() -> None:
    workflow = read(ROOT / ".github/workflows/build-and-deploy.yaml")["jobs"]
    assert workflow["ci"]["uses"] == "./.github/workflows/ci.yaml"
    passed = "(needs.ci.result == 'success' || needs.ci.result == 'skipped')"
    for name in ("build", "deploy"):
        assert "ci" in workflow[name]["needs"] and passed in workflow[name]["if"], name
    assert workflow["ci"]["if"] == "github.event_name == 'push'", "skipped by hand alone"
    assert "push" not in read(ROOT / ".github/workflows/ci.yaml")["on"], "else each push runs it twice"


def test_a_rollback_by_hand_waits_for_no_push_and_two_rollouts_never_meet() -> None:
    workflow = read(ROOT / ".github/workflows/build-and-deploy.yaml")
    assert workflow["concurrency"]["group"] == "build-${{ github.event_name == 'push' && github.ref || github.run_id }}"
    deploy = workflow["jobs"]["deploy"]
    assert deploy["concurrency"]["group"] == f"deploy-{deploy['environment']}"
    assert workflow["concurrency"]["cancel-in-progress"] is deploy["concurrency"]["cancel-in-progress"] is False


def test_a_release_has_images_of_its_version_which_is_the_one_that_overlays_name() -> None:
    workflow = (ROOT / ".github/workflows/build-and-deploy.yaml").read_text()
    assert read(ROOT / ".github/workflows/build-and-deploy.yaml")["on"]["push"]["tags"] == ["v*"]
    assert '--tag "$IMAGE:${GITHUB_REF_NAME#v}"' in workflow
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    for name in ("production", "staging", "minimal"):
        overlay = (ROOT / "deploy/overlays" / name / "kustomization.yaml").read_text()
        assert re.findall(r'newTag: "(.*)"', overlay) == [version[1]] * 3, name
