"""The fast path of every protocol: a `token` event that is plain text goes out without being parsed."""

from __future__ import annotations

from wire.events import TOKEN_PREFIX

TEXT_ONLY = TOKEN_PREFIX + b',"text":"'
AFTER_QUOTE = len(TEXT_ONLY)  # where the text begins
QUOTE = AFTER_QUOTE - 1


def text_literal(body: bytes) -> bytes | None:
    """The text of a `token` event without other fields, still as a JSON string; None where the event must be parsed.

    A quote inside a JSON string is escaped, so `","` can only end the string (or look like it, and be parsed).
    """
    if body.startswith(TEXT_ONLY) and body.find(b'","', AFTER_QUOTE) < 0 and body.endswith(b'"}'):
        return body[QUOTE:-1]
    return None
