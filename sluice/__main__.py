"""`python -m sluice` is `sluice`: listens to SIGTERM first, then becomes the command line (cli.py)."""

from __future__ import annotations

import signal

from wire.early import end_at_early_signals


def main() -> None:
    # No success: `sluice db migrate` may have done half of its work. Python listens to Ctrl-C by itself.
    end_at_early_signals(signal.SIGTERM, status=128 + signal.SIGTERM)
    from sluice.cli import main as run

    run()


if __name__ == "__main__":
    main()
