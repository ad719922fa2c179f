"""What JSON may hold and nothing behind us survives: endless nesting, values without number, and NULs.

All of it is seen in the bytes, at the speed of a copy. A walk through what a parser made of 8 MB takes seconds, and the
parser itself takes one second for two million empty lists.
"""

from __future__ import annotations

from itertools import accumulate

STRUCTURE = b'"[]{},'
NOT_STRUCTURE = bytes(set(range(256)) - set(STRUCTURE))
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def openings(text: bytes) -> int:
    """Brackets that open, in a structure or in JSON; there, those within strings are counted too."""
    return text.count(b"{") + text.count(b"[")


def structure(json: bytes) -> bytes:
    """All brackets and commas outside of strings, in order. Of what is no JSON, those before its first mistake.

    Without escapes a string ends at its next quote, so that the parity of the quotes before a bracket tells its place;
    two quotes with nothing of interest between them leave it as it is.
    """
    unescaped = json.replace(rb"\\", b"").replace(rb"\"", b"")
    marks = unescaped.translate(None, NOT_STRUCTURE).replace(b'""', b"")
    return b"".join(marks.split(b'"')[::2])


def depth(structure: bytes) -> int:
    """The most containers that lie in each other."""
    brackets = structure.translate(None, b",")
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0)


def has_nul(json: bytes) -> bool:
    """Whether a text in it, or a name, has a NUL: as JSON it can only be written so."""
    return rb"\u0000" in json and rb"\u0000" in json.replace(rb"\\", b"")
