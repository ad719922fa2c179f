"""`python -m backend`: listens to signals first, then becomes the API process (process.py)."""

from __future__ import annotations

from wire.early import end_at_early_signals


def main() -> None:
    end_at_early_signals()
    from backend.process import run  # this import takes seconds

    run()


if __name__ == "__main__":
    main()
