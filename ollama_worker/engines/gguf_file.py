"""Reads the facts at the head of a GGUF file (its metadata), without loading the model.

The head is: magic, version, number of tensors, number of facts, then the facts: key, type, value. Little-endian, as in
the format's specification (ggml's docs/gguf.md). Lists (a vocabulary has 150,000 entries) are not kept: of the
vocabulary, only the marks for filling in text are looked for.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

STRING, LIST = 8, 9
# Type number → struct code. 8 and 9 are a string and a list.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

VOCABULARY = "tokenizer.ggml.tokens"
# What stands before, behind and in the gap that is to be filled in: the keys of their tokens in a file, of old and new
# ones, and the words of families whose files have no such key. llama.cpp knows them by the same.
FILL_KEYS = (
    ("tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"),
    ("tokenizer.ggml.fim_suf_token_id", "tokenizer.ggml.suffix_token_id"),
    ("tokenizer.ggml.fim_mid_token_id", "tokenizer.ggml.middle_token_id"),
)
FILL_WORDS = (
    ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<\uff5cfim\u2581begin\uff5c>", "<PRE>", "\u2581<PRE>"),
    ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<\uff5cfim\u2581hole\uff5c>", "<SUF>", "\u2581<SUF>"),
    ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<\uff5cfim\u2581end\uff5c>", "<MID>", "\u2581<MID>"),
)
MARKS = frozenset(word for words in FILL_WORDS for word in words)

Fact = str | int | float | bool | frozenset[str]


class NotGguf(Exception):
    """The file is not a GGUF file, or is cut off. The message says which."""


class GgufFacts(NamedTuple):
    """What we want to know of a file. 0 or "" where it does not tell."""

    context_length: int  # tokens that the model was trained for
    template: str  # its chat template: Jinja source
    pooling: bool  # it says how to make one vector of a text, as embedding models do
    fills: bool = False  # it has marks for the text before and behind a gap


def read_facts(path: Path) -> GgufFacts:
    """Raises `NotGguf`, and `OSError` when the file cannot be read."""
    try:
        with path.open("rb") as file:
            facts = _facts(file)
    except (struct.error, UnicodeDecodeError, KeyError) as error:
        raise NotGguf(f"{path.name} is cut off or not a GGUF file") from error
    family = facts.get("general.architecture", "")
    return GgufFacts(
        int(str(facts.get(f"{family}.context_length", 0))),
        str(facts.get("tokenizer.chat_template", "")),
        f"{family}.pooling_type" in facts,
        _fills(facts),
    )


def _fills(facts: dict[str, Fact]) -> bool:
    found = {*facts, *marks} if isinstance(marks := facts.get(VOCABULARY), frozenset) else {*facts}
    return all(found.intersection((*keys, *words)) for keys, words in zip(FILL_KEYS, FILL_WORDS, strict=True))


def _facts(file: BinaryIO) -> dict[str, Fact]:
    magic, version, _tensors, count = struct.unpack("<4sIQQ", file.read(24))
    if magic != b"GGUF" or version < 2:  # version 1 counted in 32 bits; nothing has written it since 2023
        raise KeyError(magic)
    found: dict[str, Fact] = {}
    for _ in range(count):
        key, kind = _string(file), _number(file, "I")
        value = _value(file, int(kind))
        if value is not None:
            found[key] = value
    return found


def _value(file: BinaryIO, kind: int) -> Fact | None:
    if kind == STRING:
        return _string(file)
    if kind == LIST:
        return _marks(file)
    return _number(file, SCALARS[kind])


def _marks(file: BinaryIO) -> frozenset[str] | None:
    """Those of `MARKS` that a list of strings holds; None for a list of anything else."""
    kind, count = struct.unpack("<IQ", file.read(12))
    if kind in SCALARS:
        file.seek(count * struct.calcsize("<" + SCALARS[kind]), 1)
        return None
    values = [_value(file, kind) for _ in range(count)]
    return MARKS.intersection(values) if kind == STRING else None


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    data = file.read(length)
    if len(data) < length:
        raise struct.error("cut off")
    return data.decode()


def _number(file: BinaryIO, code: str) -> int | float | bool:
    number: int | float | bool = struct.unpack("<" + code, file.read(struct.calcsize("<" + code)))[0]
    return number
