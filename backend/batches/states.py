"""The states of a batch and its lines.

    validating ──► in_progress ──► finalizing ──► completed
        │ │           │    │            └───────► expired      some line was not answered in time
        │ └─► failed  │    (its window has passed: lines that wait are given up)
        └──────┬──────┘
               └─► cancelling ──► cancelled

A line waits, and is then answered for good: `done` is in the output file, all others are in the error file.
"""

from __future__ import annotations

VALIDATING, IN_PROGRESS, FINALIZING, CANCELLING = "validating", "in_progress", "finalizing", "cancelling"
COMPLETED, FAILED, EXPIRED, CANCELLED = "completed", "failed", "expired", "cancelled"
OPEN = (VALIDATING, IN_PROGRESS, FINALIZING, CANCELLING)  # there is work to do
CANCELLABLE = (VALIDATING, IN_PROGRESS)

# Of a line. A line that was given up ends as its batch does.
WAITING, LINE_DONE, LINE_FAILED = "waiting", "done", "failed"
LINE_EXPIRED, LINE_CANCELLED = EXPIRED, CANCELLED
IN_ERRORS = (LINE_FAILED, LINE_EXPIRED, LINE_CANCELLED)
