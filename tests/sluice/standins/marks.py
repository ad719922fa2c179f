"""In which order processes ended, and whether Redis still answered when they did."""

import os
from pathlib import Path

from redis import Redis


def leave_mark(name: str) -> None:
    """Add a line to `ended` in the data folder: the process's name, and whether Redis still answered."""
    answered = Redis.from_url(os.environ["REDIS_URL"]).ping()
    with (Path(os.environ["SLUICE_DATA_DIR"]) / "ended").open("a") as ended:
        ended.write(f"{name} {'with' if answered else 'without'} redis\n")
