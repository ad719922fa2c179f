"""Reads the facts at the head of a GGUF file (its metadata), without loading the model.

The head is: magic, version, number of tensors, number of facts, then the facts: key, type, value. Little-endian, as in
the format's specification (ggml's docs/gguf.md). Lists (a vocabulary has 150,000 entries) are not kept: only the marks
for filling in text are read from the vocabulary.

Anybody may have written a head: every count and length in it is compared with what the file has left before it is used.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAGIC = int.from_bytes(b"GGUF", "little")
STRING, LIST = 8, 9
COUNT = struct.Struct("<Q")
# Type number → struct code. 8 and 9 are a string and a list.
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

VOCABULARY = "tokenizer.ggml.tokens"
# The marks for the text before and behind a gap, and for the gap: the keys of their tokens in old and new files, and
# the words of families whose files have no such key. llama.cpp recognizes them by the same.
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

# `general.file_type`: how most of its numbers are stored, by llama.cpp's numbers and names (enum llama_ftype).
QUANTIZATIONS = {
    **{
        0: "F32",
        1: "F16",
        2: "Q4_0",
        3: "Q4_1",
        7: "Q8_0",
        8: "Q5_0",
        9: "Q5_1",
        10: "Q2_K",
        11: "Q3_K_S",
        12: "Q3_K_M",
    },
    **{13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS"},
    **{21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S"},
    **{29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16"},
}
LONGEST_WORD = 100  # characters of a detail

# Bounds far beyond every known head: a vocabulary of 260,000 entries with its merges takes 20 MB.
MOST_BYTES = 128 * 2**20
MOST_FACTS = 65_536
MOST_TEXT = 8 * 2**20  # of one string; the longest known is a template of 30,000 characters
DEEPEST = 8  # lists within lists
LONGEST_CONTEXT = 2**31 - 1  # tokens; llama.cpp counts in 32 bits

Fact = str | int | float | bool | frozenset[str]


class NotGguf(Exception):
    """The file is not a GGUF file, or is cut off. The message says which."""


class GgufFacts(NamedTuple):
    """The facts of a file that we use. 0 or "": the file does not have the fact."""

    context_length: int  # tokens that the model was trained for
    template: str  # its chat template: Jinja source
    pooling: bool  # it names a way to make one vector of a text, as embedding models do
    fills: bool = False  # it has marks for the text before and behind a gap
    family: str = ""  # its architecture, such as `qwen2`
    parameter_size: str = ""  # such as `0.5B`
    quantization: str = ""  # such as `Q4_K_M`


def read_facts(path: Path) -> GgufFacts:
    """The facts of a file. Raises `NotGguf`, and `OSError` when the file cannot be read."""
    with path.open("rb") as file:
        facts = _facts(Head(file, path.name))
    family = facts.get("general.architecture", "")
    length, template = facts.get(f"{family}.context_length"), facts.get("tokenizer.chat_template")
    return GgufFacts(
        length if type(length) is int and 0 < length <= LONGEST_CONTEXT else 0,
        template if isinstance(template, str) else "",
        f"{family}.pooling_type" in facts,
        _fills(facts),
        _word(family),
        _word(facts.get("general.size_label")),
        QUANTIZATIONS.get(kind, "") if type(kind := facts.get("general.file_type")) is int else "",
    )


def _word(fact: Fact | None) -> str:
    return fact if isinstance(fact, str) and len(fact) <= LONGEST_WORD and fact.isprintable() else ""


def _fills(facts: dict[str, Fact]) -> bool:
    names = {*facts, *marks} if isinstance(marks := facts.get(VOCABULARY), frozenset) else {*facts}
    return all(names.intersection((*keys, *words)) for keys, words in zip(FILL_KEYS, FILL_WORDS, strict=True))


class Head:
    """The bytes of a head, read from the front. Every read raises `NotGguf` where the file has fewer bytes left."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._left = min(os.fstat(file.fileno()).st_size, MOST_BYTES)

    def skip(self, length: int) -> None:
        self._claim(length)
        self._file.seek(length, os.SEEK_CUR)

    def text(self) -> str:
        length = self.count(most=MOST_TEXT)
        self._claim(length)
        return self._file.read(length).decode(errors="replace")

    def number(self, code: str) -> int | float | bool:
        return self._unpacked(struct.Struct("<" + code))

    def count(self, most: int, each: int = 1) -> int:
        """A number of things, of which each takes at least so many bytes."""
        number = int(self._unpacked(COUNT))
        if number > most or number * each > self._left:
            raise self.wrong("is cut off or not a GGUF file")
        return number

    def _unpacked(self, form: struct.Struct) -> int | float | bool:
        self._claim(form.size)
        data = self._file.read(form.size)
        if len(data) < form.size:  # the file has become shorter meanwhile
            raise self.wrong("is cut off")
        number: int | float | bool = form.unpack(data)[0]
        return number

    def wrong(self, how: str) -> NotGguf:
        return NotGguf(f"{self._name} {how}")

    def _claim(self, length: int) -> None:
        if length > self._left:
            raise self.wrong("is cut off or not a GGUF file")
        self._left -= length


def _facts(head: Head) -> dict[str, Fact]:
    magic, version, _tensors = head.number("I"), head.number("I"), head.number("Q")
    if magic != MAGIC or version < 2:  # version 1 counted in 32 bits; nothing has written it since 2023
        raise head.wrong("is not a GGUF file")
    facts: dict[str, Fact] = {}
    for _ in range(head.count(most=MOST_FACTS, each=13)):
        key, kind = head.text(), int(head.number("I"))
        value = _value(head, kind)
        if value is not None:
            facts[key] = value
    return facts


def _value(head: Head, kind: int, depth: int = 0) -> Fact | None:
    if kind == STRING:
        return head.text()
    if kind == LIST and depth < DEEPEST:
        return _marks(head, depth)
    if kind not in SCALARS:
        raise head.wrong("is not a GGUF file, or is of a kind that is not known here")
    return head.number(SCALARS[kind])


def _marks(head: Head, depth: int) -> frozenset[str] | None:
    """The marks of `MARKS` in a list of strings; None for a list of anything else."""
    kind = int(head.number("I"))
    if kind in SCALARS:
        size = struct.calcsize("<" + SCALARS[kind])
        head.skip(head.count(most=MOST_BYTES, each=size) * size)
        return None
    count = head.count(most=MOST_BYTES, each=8)
    marks = MARKS.intersection(_value(head, kind, depth + 1) for _ in range(count))
    return marks if kind == STRING else None
