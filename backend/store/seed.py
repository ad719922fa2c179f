"""A few conversations to look at, for a page that is new. Written again, they are as at first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert

from backend.store.database import Database
from backend.store.tables import messages, threads
from backend.store.words import fold
from wire.ids import TenantId

MINUTE_MS = 60_000
DAY_MS = 86_400_000
MODEL = "qwen2.5:0.5b"

CODE = """Walk the list and keep what you have not seen yet:

```python
def unique(items):
    seen = set()
    return [item for item in items if not (item in seen or seen.add(item))]
```

It keeps the order, and every item must be hashable."""

LOOP = """With a plain loop, which some find easier to read:

```python
def unique(items):
    kept = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept
```"""

TABLE = """| Planet | Moons | A day lasts |
| --- | ---: | --- |
| Earth | 1 | 24 h |
| Mars | 2 | 24 h 37 min |
| Jupiter | 95 | 9 h 56 min |

The number of Jupiter's moons grows with every survey."""

DIAGRAM = """Every chat becomes a job in one queue; a free worker takes it, and the words come back as they are made.

```mermaid
sequenceDiagram
  participant You
  participant API
  participant Queue
  participant Worker
  You->>API: a question
  API->>Queue: accept the job
  Queue->>Worker: give it
  Worker-->>API: words, one by one
  API-->>You: the answer
```"""

THOUGHT = "Sum of the first n numbers: pair the first with the last. n/2 pairs, each n + 1."
FORMULA = "$$\\sum_{k=1}^{n} k = \\frac{n (n + 1)}{2}$$\n\nFor $n = 100$ that is 5050."
BROKEN = {"code": "worker_lost", "message": "The worker was lost; ask again.", "retryable": True}


async def seed(database: Database, tenant: TenantId, now: int) -> int:
    """Write the conversations of this tenant, with times in the three days before `now` (Unix ms); returns how many."""
    conversations = [
        _thread("demo-unique", "Unique items, in order", now - 5 * MINUTE_MS, _unique()),
        _thread("demo-queue", "How an answer is made", now - 3 * 60 * MINUTE_MS, _queue()),
        _thread("demo-planets", "Moons of three planets", now - DAY_MS, _planets()),
        _thread("demo-sum", "The sum of the first numbers", now - 3 * DAY_MS, _sum()),
    ]
    async with database.write() as tx:
        await tx.execute(delete(threads).where(threads.c.id.in_([thread["id"] for thread, _ in conversations])))
        await tx.execute(insert(threads), [{**thread, "tenant": tenant} for thread, _ in conversations])
        await tx.execute(insert(messages), [row for _, rows in conversations for row in rows])
    return len(conversations)


def _thread(name: str, title: str, at: int, texts: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The row of a thread and those of its messages, which are ten seconds apart, the last at `at`."""
    begun = at - 10_000 * (len(texts) - 1)
    rows = [{**_EMPTY, **text, "thread_id": name, "created_at": begun + 10_000 * n} for n, text in enumerate(texts)]
    thread = {"id": name, "title": title, "title_by": "model", "folded": fold(title)}
    return {**thread, "created_at": begun, "updated_at": at}, rows


_EMPTY: dict[str, Any] = dict.fromkeys(("model", "worker", "thinking", "error", "finish_reason", "usage", "timings"))


def _question(name: str, after: str | None, text: str) -> dict[str, Any]:
    """A person's message."""
    return {"id": name, "parent_id": after, "role": "user", "status": "complete", "text": text, "folded": fold(text)}


def _answer(name: str, after: str, text: str, **more: Any) -> dict[str, Any]:
    words = len(text.split())
    row = {
        **{"id": name, "parent_id": after, "role": "assistant", "status": "complete", "text": text},
        **{"folded": fold(text), "model": MODEL, "worker": "demo", "finish_reason": "stop"},
        "usage": {"prompt_tokens": 24, "completion_tokens": words},
        "timings": {"queued_ms": 40, "first_token_ms": 180, "total_ms": 180 + 20 * words},
    }
    return {**row, **more}


def _unique() -> list[dict[str, Any]]:
    """Two answers to one question: branches to walk."""
    return [
        _question("q1", None, "How do I remove doubles from a list in Python and keep the order?"),
        _answer("a1", "q1", LOOP),
        _answer("a1-again", "q1", CODE),
        _question("q2", "a1-again", "What if the items are lists?"),
        _answer("a2", "q2", "Lists are not hashable: compare with `==` in a loop, or make tuples of them first."),
    ]


def _queue() -> list[dict[str, Any]]:
    """A diagram, and an answer that failed."""
    return [
        _question("q1", None, "What happens between my question and the answer? Draw it."),
        _answer("a1", "q1", DIAGRAM),
        _question("q2", "a1", "And when a worker dies?"),
        _answer("a2", "q2", "Then", status="failed", error=BROKEN, finish_reason=None, usage=None, timings=None),
    ]


def _planets() -> list[dict[str, Any]]:
    return [_question("q1", None, "Compare Earth, Mars and Jupiter in a table."), _answer("a1", "q1", TABLE)]


def _sum() -> list[dict[str, Any]]:
    """Thinking, and a formula."""
    return [_question("q1", None, "What is 1 + 2 + … + n?"), _answer("a1", "q1", FORMULA, thinking=THOUGHT)]
