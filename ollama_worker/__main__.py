"""`python -m ollama_worker`: it listens to signals first, then becomes one worker process (process.py)."""

from __future__ import annotations

from wire.early import end_at_early_signals


def main() -> None:
    end_at_early_signals()
    from ollama_worker.process import run  # this import takes a second, and many on a busy machine

    run()


if __name__ == "__main__":
    main()
