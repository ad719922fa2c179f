"""Numbers that callers write into headers."""

from __future__ import annotations

DIGITS = 9  # Python makes no number of thousands of them


def whole_number(written: str, most: float) -> int | None:
    """From 0 to `most`; None where it is none of these, or written in other digits than ours."""
    if not (written.isascii() and written.isdigit() and len(written) <= DIGITS):
        return None
    number = int(written)
    return number if number <= most else None
