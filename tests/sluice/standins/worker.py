"""Waits for SIGTERM. WORKER_STUBBORN: the worker ignores the signal. WORKER_REFUSES: its settings are wrong."""

import json
import os
import signal
import sys

from tests.sluice.standins.marks import leave_mark

if "WORKER_REFUSES" in os.environ:
    print("sluice: SLUICE_SLOTS: Input should be a valid integer (got 'many')")
    sys.exit(2)
# The signal is taken where it is awaited: a handler could run a moment before `pause()`, which then waits for ever.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
fields = {name: os.environ.get(f"SLUICE_{name.upper()}", "") for name in ("engine", "cloud", "pool")}
print(json.dumps({"level": "warning", "event": "stand-in worker waits", **fields}), flush=True)
while True:
    signal.sigwait({signal.SIGTERM})
    if "WORKER_STUBBORN" not in os.environ:
        leave_mark("worker")
        sys.exit(0)
