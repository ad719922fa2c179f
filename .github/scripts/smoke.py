"""One chat through the queue of a running house: accepted, given to a worker, answered, ended.

It runs where the API does, in a pod of the backend, so it needs no entrance and no password:

    kubectl -n sluice exec -i deployment/backend -c backend -- python - < .github/scripts/smoke.py

Status 1 and a sentence where no answer comes. Where the first question's deadline passes, the question is sent once
more: it has started the first worker, whose node and model may take longer than that. Only the standard library: the
image has nothing for tests.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

API = f"http://localhost:{os.environ.get('SLUICE_PORT', '8000')}"
PATIENCE = 660  # seconds between two lines: longer than the longest deadline, which the API reports
QUESTION = {"messages": [{"role": "user", "content": "Say hello."}], "stream": True}


class NoAnswer(Exception):
    """The message has what came instead."""


class TooLate(NoAnswer):
    """Its deadline has passed."""


def main() -> int:
    try:
        text, job = chat_with_a_cold_pool()
        expect_completed(job)
    except HTTPError as refused:
        print(f"smoke: {refused.code}: {refused.read(500)!r}", file=sys.stderr)
        return 1
    except (NoAnswer, OSError) as failure:
        print(f"smoke: {failure}", file=sys.stderr)
        return 1
    print(f"Job {job} was answered: {text[:80]!r}")
    return 0


def chat_with_a_cold_pool() -> tuple[str, str]:
    try:
        return chat()
    except TooLate as late:
        print(f"smoke: {late}: once more", file=sys.stderr)
        return chat()


def chat() -> tuple[str, str]:
    """The answer's text and the job's id. A stream that is cut has no line with `done`."""
    body = json.dumps(QUESTION).encode()
    with urlopen(Request(API + "/api/chat", body, {"Content-Type": "application/json"}), timeout=PATIENCE) as answer:  # noqa: S310
        lines: list[dict[str, Any]] = [json.loads(line) for line in answer if line.strip()]
        job = str(answer.headers["X-Sluice-Job"])
    text = "".join(line.get("message", {}).get("content", "") for line in lines)
    if not lines or not lines[-1].get("done") or not text:
        late = bool(lines) and lines[-1].get("code") == "deadline"
        raise (TooLate if late else NoAnswer)(f"job {job} ended without an answer: {lines[-1:]}")
    return text, job


def expect_completed(job: str) -> None:
    """The job's state in the queue, not only the stream's end."""
    with urlopen(f"{API}/api/jobs/{job}", timeout=30) as answer:  # noqa: S310
        state = json.load(answer)["state"]
    if state != "completed":
        raise NoAnswer(f"job {job} was answered, yet its state in the queue is {state}")


if __name__ == "__main__":
    sys.exit(main())
