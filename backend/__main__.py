"""`python -m backend`: the API process, until SIGTERM or Ctrl-C. Settings: see `--help`."""

from __future__ import annotations

from wire.early import end_at_early_signals


def main() -> None:
    end_at_early_signals()
    from backend.process import run  # this import takes seconds

    run()


if __name__ == "__main__":
    main()
