"""The commit that a push to main rolled out last: prints it, or nothing where there is none.

    python3 .github/scripts/rolled_out.py        needs gh, with a token that may read actions

A run goes well also where it was a dry run or had nothing to roll out: what those brought is not on the cluster, so it
is counted from the last run that applied something. Where a run by hand applied something since that one began, a
rollback for example, it is not known what is on the cluster: then nothing is printed, and everything counts as changed.
Only the standard library.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

STEP = "Apply, wait, send a chat through the queue; take it back where that fails"  # its name in the workflow
RUNS = "100"  # no further back: then everything counts as changed
# Of any branch: a rollback by hand runs on a tag. A tag's own run rolls nothing out.
LIST = ("--workflow", "build-and-deploy.yaml", "--status", "success")
FIELDS = "databaseId,headSha,event,createdAt,updatedAt"


def main() -> int:
    runs = gh("run", "list", *LIST, "--limit", RUNS, "--json", FIELDS)
    last = next((run for run in runs if run["event"] == "push" and applied(run)), None)
    if last and not any(applied(run) for run in runs if is_by_hand_since(last, run)):
        print(last["headSha"])
    return 0


def is_by_hand_since(last: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether it ended after `last` had looked at what has changed."""
    return bool(run["event"] != "push" and run["updatedAt"] >= last["createdAt"])


def applied(run: dict[str, Any]) -> bool:
    jobs = gh("run", "view", str(run["databaseId"]), "--json", "jobs")["jobs"]
    steps = [step for job in jobs for step in job["steps"]]
    return any(step["name"] == STEP and step["conclusion"] == "success" for step in steps)


def gh(*arguments: str) -> Any:
    done = subprocess.run(["gh", *arguments], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S607
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
