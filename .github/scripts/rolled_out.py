"""The commit that a push to main rolled out last: prints it, or nothing where there is none.

    python3 .github/scripts/rolled_out.py        needs gh, with a token that may read actions

A run goes well also where it was a dry run or had nothing to roll out: what those brought is not on the cluster, so it
is counted from the last run that applied something. Only the standard library.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

STEP = "Apply, wait, send a chat through the queue; take it back where that fails"  # its name in the workflow
RUNS = "100"  # further back nobody looks: then everything counts as changed
LIST = ("--workflow", "build-and-deploy.yaml", "--branch", "main", "--event", "push", "--status", "success")


def main() -> int:
    for run in gh("run", "list", *LIST, "--limit", RUNS, "--json", "databaseId,headSha"):
        if applied(gh("run", "view", str(run["databaseId"]), "--json", "jobs")["jobs"]):
            print(run["headSha"])
            break
    return 0


def applied(jobs: list[dict[str, Any]]) -> bool:
    steps = [step for job in jobs for step in job["steps"]]
    return any(step["name"] == STEP and step["conclusion"] == "success" for step in steps)


def gh(*arguments: str) -> Any:
    done = subprocess.run(["gh", *arguments], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S607
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
