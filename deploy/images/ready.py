"""Docker's question whether this container's API is ready: `python ready.py`, exit status 1 for no."""

from __future__ import annotations

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE = 4.0  # seconds, less than the health check's own


def main() -> int:
    port = os.environ.get("SLUICE_PORT") or os.environ.get("PORT") or "8000"
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=PATIENCE) as answer:
            return int(answer.status != 200)
    except (URLError, OSError) as error:  # also every answer but a 2xx
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
