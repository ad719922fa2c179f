"""Numbers that callers write into headers."""

from __future__ import annotations

DIGITS = 9  # Python converts no text of thousands of digits


def whole_number(written: str, most: float) -> int | None:
    """The number that is written, from 0 to `most`; None for any other text, also for digits that are not ASCII's."""
    if not (written.isascii() and written.isdigit() and len(written) <= DIGITS):
        return None
    number = int(written)
    return number if number <= most else None
