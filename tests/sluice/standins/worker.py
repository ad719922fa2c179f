"""Waits to be told to stop. WORKER_STUBBORN: it does not listen. WORKER_REFUSES: its settings are wrong."""

import json
import os
import signal
import sys
from types import FrameType

from tests.sluice.standins.marks import leave_mark


def end(number: int, frame: FrameType | None) -> None:
    if "WORKER_STUBBORN" not in os.environ:
        leave_mark("worker")
        sys.exit(0)


if "WORKER_REFUSES" in os.environ:
    print("sluice: SLUICE_SLOTS: Input should be a valid integer (got 'many')")
    sys.exit(2)
signal.signal(signal.SIGTERM, end)
told = {name: os.environ.get(f"SLUICE_{name.upper()}", "") for name in ("engine", "cloud", "pool")}
print(json.dumps({"level": "warning", "event": "stand-in worker waits", **told}), flush=True)
while True:
    signal.pause()
