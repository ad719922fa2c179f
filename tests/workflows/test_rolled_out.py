"""The commit since which changes count; GitHub is a stand-in that lists runs as `gh` does."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.workflows.files import SCRIPTS, steps

ROLLED_OUT = SCRIPTS / "rolled_out.py"
STEP = runpy.run_path(str(ROLLED_OUT))["STEP"]
GH = """#!/bin/sh
if [ "$2" = list ]; then cat "$GH_HOME/runs"; else cat "$GH_HOME/$3"; fi
"""


def rolled_out(home: Path, *runs: tuple[str, str], by_hand: Mapping[str, int] | None = None) -> str:
    """(commit, how its rollout's step ended), newest first; "" where that job did not run.

    `by_hand`: of the runs that were started by hand, how many later ones had begun when they ended.
    """
    hours = dict(by_hand or {})
    (home / "gh").write_text(GH)
    (home / "gh").chmod(0o755)
    listed = []
    for number, (commit, _) in enumerate(runs):
        began = 20 - number
        event, ended = ("workflow_dispatch", began + hours[commit]) if commit in hours else ("push", began)
        times = {"createdAt": f"2026-01-01T{began}:00:00Z", "updatedAt": f"2026-01-01T{ended}:30:00Z"}
        listed.append({"databaseId": number, "headSha": commit, "event": event, **times})
    (home / "runs").write_text(json.dumps(listed))
    for number, (_, conclusion) in enumerate(runs):
        step = {"name": STEP, "conclusion": conclusion}
        jobs = [{"name": "CI", "steps": []}, *([{"name": "Roll out", "steps": [step]}] if conclusion else [])]
        (home / str(number)).write_text(json.dumps({"jobs": jobs}))
    env = {"PATH": f"{home}:{os.environ['PATH']}", "GH_HOME": str(home)}
    return subprocess.run([sys.executable, ROLLED_OUT], env=env, check=True, capture_output=True, text=True).stdout


def test_changes_count_from_the_last_push_that_reached_the_cluster(tmp_path: Path) -> None:
    """Neither a dry run nor a push that only changed docs reached it, although both runs succeeded."""
    assert rolled_out(tmp_path, ("docs", ""), ("dry", "skipped"), ("real", "success"), ("old", "success")) == "real\n"


def test_after_a_rollback_by_hand_no_commit_is_known(tmp_path: Path) -> None:
    assert rolled_out(tmp_path, ("v1", "success"), ("real", "success"), by_hand={"v1": 0}) == ""


def test_a_rollback_that_a_push_overtook_is_no_forgotten_one(tmp_path: Path) -> None:
    """The push had already looked at what has changed, and brought only that."""
    assert rolled_out(tmp_path, ("real", "success"), ("v1", "success"), by_hand={"v1": 1}) == ""


def test_a_run_by_hand_that_applied_nothing_or_lies_behind_a_push_does_not_count(tmp_path: Path) -> None:
    by_hand = {"shown": 0, "v1": 0}
    runs = [("shown", "skipped"), ("real", "success"), ("v1", "success")]
    assert rolled_out(tmp_path, *runs, by_hand=by_hand) == "real\n"


def test_without_a_rollout_no_commit_is_known(tmp_path: Path) -> None:
    assert rolled_out(tmp_path, ("dry", "skipped")) == rolled_out(tmp_path) == ""


def test_the_step_that_the_script_looks_for_is_the_workflow_s() -> None:
    [rollout] = [step for name, step in steps() if name.startswith("build-and-deploy") and step.get("name") == STEP]
    assert "rollout.py" in rollout["run"] and "--dry-run" not in rollout["run"]
