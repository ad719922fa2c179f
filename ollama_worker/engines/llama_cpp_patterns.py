"""A JSON schema's `pattern`s, rewritten in the small language from which llama.cpp makes grammars.

From any other pattern llama.cpp makes "any string", in silence. Its language has anchors at both ends, characters,
classes, groups, alternatives and repetitions. An unanchored pattern, `\\d`, `\\w` and `\\s` can be rewritten in it; a
pattern that looks ahead or back, has word boundaries or names properties of Unicode is refused. A quotation mark, a
backslash and a control character are written as JSON escapes them, and are left out of classes that hold anything else:
an answer keeps to the pattern and to JSON, and a few strings that would match as well never come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ollama_worker.engines.base import RequestRefused, Unsupported

Ranges = list[tuple[int, int]]  # of code points, both ends included

LAST = 0x10FFFF
DIGITS: Ranges = [(0x30, 0x39)]
WORDS: Ranges = [*DIGITS, (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]
SPACES: Ranges = [(0x09, 0x0D), (0x20, 0x20)]  # of `\s`; JavaScript's language has more of them, Python's others
MORE_SPACES: Ranges = [
    *[(0x1C, 0x1F), (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)],
    *[(0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)],
]
LINE_ENDS: Ranges = [(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)]
ESCAPED: Ranges = [(0x00, 0x1F), (0x22, 0x22), (0x5C, 0x5C)]  # in JSON's strings
SURROGATES: Ranges = [(0xD800, 0xDFFF)]
VALUES = ("enum", "const", "default", "examples")  # keywords of a schema that hold no schemas
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")  # that hold schemas by name
SHORT = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
IN_JSON = {"\n": "n", "\r": "r", "\t": "t", "\f": "f", '"': '"', "\\": "\\"}
CODE = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")
TIMES = re.compile(r"[*+?]\??|\{\d+(,\d*)?\}\??")
NAMED_GROUP = re.compile(r"\(\?<[A-Za-z_]\w*>")


def with_known_patterns(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with each `pattern` rewritten. Raises `Unsupported` for a pattern that cannot be rewritten."""
    try:
        rewritten: dict[str, Any] = _rewritten(schema)
        return rewritten
    except RecursionError as error:
        raise RequestRefused("The schema is nested too deeply") from error


def _rewritten(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_rewritten(part) for part in schema]
    return {name: _part(name, value) for name, value in schema.items()} if isinstance(schema, dict) else schema


def _part(name: str, value: Any) -> Any:
    if name == "pattern" and isinstance(value, str):
        return known(value)
    if name in NAMED and isinstance(value, dict):
        return {key: _rewritten(part) for key, part in value.items()}
    return value if name in VALUES else _rewritten(value)


def known(pattern: str) -> str:
    """The pattern in llama.cpp's language. Raises `Unsupported`, and `RequestRefused` for what is no pattern at all."""
    return Pattern(pattern).written()


class Pattern:
    """One pattern, read once from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._open = 0  # groups

    def written(self) -> str:
        text = self._pattern
        begins = text.startswith("^")
        ends = text.endswith("$") and (len(text) - len(text[:-1].rstrip("\\"))) % 2 == 1
        anything = written_class(complement([])) + "*"
        self._at, end = int(begins), len(text) - int(ends)
        body = "".join(self._parts(max(end, int(begins))))
        if self._open:
            raise self._wrong()
        if begins and ends:
            return f"^{body}$"
        return f"^{'' if begins else anything}(?:{body}){'' if ends else anything}$"

    def _parts(self, end: int) -> Iterable[str]:
        while self._at < end:
            yield self._next()

    def _next(self) -> str:
        text, at = self._pattern, self._at
        if times := TIMES.match(text, at):
            self._at = times.end()
            return times[0].rstrip("?") or "?"  # greediness decides what is captured, not what is allowed
        self._at += 1
        match text[at]:
            case "(":
                return self._group(at)
            case ")":
                self._open -= 1
                if self._open < 0:
                    raise self._wrong()
                return ")"
            case "|":
                return "|"
            case "[":
                return written_class(self._class())
            case ".":
                return written_class(complement(LINE_ENDS))
            case "\\":
                return self._escape()
            case "^" | "$":
                raise self._beyond("an anchor inside of it")
            case character:
                return written_character(character)

    def _group(self, at: int) -> str:
        self._open += 1
        plain = self._pattern.startswith("(?:", at)
        named = NAMED_GROUP.match(self._pattern, at)
        if self._pattern.startswith("(?", at) and not plain and not named:
            raise self._beyond("a group that looks around, or sets flags")
        self._at = at + 3 if plain else named.end() if named else at + 1
        return "(?:"

    def _escape(self) -> str:
        meant = self._escaped()
        return written_character(meant) if isinstance(meant, str) else written_class(meant)

    def _escaped(self) -> str | Ranges:
        """The character or the class that an escape means. `_at` is behind its backslash."""
        text = self._pattern
        if self._at >= len(text):
            raise self._wrong()
        letter = text[self._at]
        if code := CODE.match(text, self._at):
            self._at = code.end()
            return chr(int(code[1] or code[2], 16))
        self._at += 1
        if letter in "dws":
            return {"d": DIGITS, "w": WORDS, "s": SPACES}[letter]
        if letter in "DWS":
            return complement({"D": DIGITS, "W": WORDS, "S": [*SPACES, *MORE_SPACES]}[letter])
        if letter in SHORT:
            return SHORT[letter]
        if letter.isalnum():
            raise self._beyond(f"\\{letter}")
        return letter

    def _class(self) -> Ranges:
        """The ranges of a class. `_at` is behind its bracket."""
        text, ranges = self._pattern, []
        if negated := text.startswith("^", self._at):
            self._at += 1
        while (first := self._member()) is not None:
            if isinstance(first, list):
                ranges += first
                continue
            last = first
            if text.startswith("-", self._at) and not text.startswith("-]", self._at):
                self._at += 1
                last = self._member()  # type: ignore[assignment]
            if not isinstance(last, str) or last < first:
                raise self._wrong()
            ranges.append((ord(first), ord(last)))
        return complement(ranges) if negated else ranges

    def _member(self) -> str | Ranges | None:
        """The next member of a class; None for its end."""
        if self._at >= len(self._pattern):
            raise self._wrong()
        character = self._pattern[self._at]
        self._at += 1
        if character == "\\":
            return "\b" if self._pattern.startswith("b", self._at) and self._skip() else self._escaped()
        return None if character == "]" else character

    def _skip(self) -> bool:
        self._at += 1
        return True

    def _beyond(self, what: str) -> Unsupported:
        return Unsupported(
            f"llama.cpp cannot keep to the pattern {self._pattern[:200]!r} ({what}): write it without, or leave it out"
        )

    def _wrong(self) -> RequestRefused:
        return RequestRefused(f"The pattern {self._pattern[:200]!r} is no regular expression")


def complement(ranges: Ranges) -> Ranges:
    """All other code points, without surrogates: they are no characters."""
    others, begin = [], 0
    for first, last in sorted([*ranges, *SURROGATES, (LAST + 1, LAST + 1)]):
        if first > begin:
            others.append((begin, first - 1))
        begin = max(begin, last + 1)
    return others


def written_class(ranges: Ranges) -> str:
    """A class of the characters that JSON does not escape; of escaped ones where there are no others."""
    plain = complement([*complement(ranges), *ESCAPED])
    if plain:
        return "[" + "".join(_code(first) + (f"-{_code(last)}" if last > first else "") for first, last in plain) + "]"
    escaped = [chr(code) for first, last in ranges for code in range(first, min(last, 0x7F) + 1)]
    if not escaped:
        raise RequestRefused("A pattern holds a class without a character, which no string keeps to")
    return f"(?:{'|'.join(map(written_character, escaped))})"


def written_character(character: str) -> str:
    code = ord(character)
    if character in IN_JSON:
        return f"(?:{_literal(chr(0x5C))}{_literal(IN_JSON[character])})"
    if code < 0x20:
        return f"(?:{_literal(chr(0x5C))}u{code:04x})"
    return _literal(character)


def _literal(character: str) -> str:
    return character if character.isalnum() and character.isascii() else _code(ord(character))


def _code(code: int) -> str:
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
