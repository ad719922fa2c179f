"""An instance of a JSON schema, filled with what a prompt offers: its quoted texts, its numbers, its places."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

QUOTED = re.compile(r"'([^'\n]{1,200})'|\"([^\"\n]{1,200})\"|[\u201c\u2018]([^\u201d\u2019\n]{1,200})[\u201d\u2019]")
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)")
PLACE = re.compile(r"\b(?:in|for|of|at) ((?:[A-Z][\w.]*[ -]?)+(?:, [A-Z]\w*)?)")
MOST = 10_000  # values of an answer, and characters of each of its texts: more is a mistake, or an attack
DEEPEST = 12  # a schema that refers to itself ends somewhere
SHAPES = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.org",
}
CLASSES = {"\\d": "0", "\\w": "a", "\\s": " ", ".": "a"}


class Offer:
    """The values that a prompt holds, each used once, then again from the first."""

    def __init__(self, text: str) -> None:
        bare = QUOTED.sub(" ", text)
        self._texts = [next(filter(None, groups)) for groups in QUOTED.findall(text)] or PLACE.findall(bare)
        self._numbers = [float(number) for number in NUMBER.findall(bare)]
        self._words = " ".join(text.split()[:8]) or "nothing"

    def text(self) -> str:
        return self._texts.pop(0).strip(" .?!") if self._texts else self._words

    def number(self) -> float | None:
        return self._numbers.pop(0) if self._numbers else None


def instance_of(schema: dict[str, Any], offer: Offer) -> Any:
    """A value that satisfies the schema, as far as types, names, bounds, enumerations, references and forms go.

    Raises ValueError where it would be made of more than MOST values.
    """
    return _Maker(schema, offer).make(schema, 0)


class _Maker:
    def __init__(self, root: dict[str, Any], offer: Offer) -> None:
        self._root = root
        self._offer = offer
        self._made = 0

    def make(self, schema: Any, depth: int) -> Any:
        self._made += 1
        if self._made > MOST:
            raise ValueError(f"the schema requires more than {MOST} values")
        if not isinstance(schema, dict):
            return None
        schema = self._resolved(schema)
        for word in ("const", "default"):
            if word in schema:
                return schema[word]
        if schema.get("enum"):
            return schema["enum"][0]
        kind = self._kind(schema)
        made = getattr(self, f"_{kind}", None)
        return made(schema, depth) if made else None

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """References followed, `allOf` joined, the first of `anyOf` and `oneOf` that is not null."""
        for _ in range(DEEPEST):
            if "$ref" in schema:
                schema = {**self._named(schema["$ref"]), **{k: v for k, v in schema.items() if k != "$ref"}}
            elif schema.get("allOf"):
                parts = [self._resolved(part) for part in schema["allOf"]]
                properties = {k: v for part in parts for k, v in part.get("properties", {}).items()}
                required = [name for part in parts for name in part.get("required", ())]
                schema = {**parts[0], "properties": properties, "required": required}
            elif choices := schema.get("anyOf") or schema.get("oneOf"):
                rest = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf")}
                schema = {**rest, **next((choice for choice in choices if choice.get("type") != "null"), choices[0])}
            else:
                break
        return schema

    def _named(self, reference: str) -> dict[str, Any]:
        target: Any = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            target = target.get(part, {}) if part else target
        return target if isinstance(target, dict) else {}

    def _kind(self, schema: dict[str, Any]) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((name for name in kind if name != "null"), "null")
        return str(kind or ("object" if "properties" in schema else "array" if "items" in schema else "string"))

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        """Every property near the top; deeper than that only what is required, so that recursion ends."""
        required = schema.get("required") or ()
        wanted = {n: s for n, s in (schema.get("properties") or {}).items() if n in required or depth < 3}
        return (
            {name: self.make(part_schema, depth + 1) for name, part_schema in wanted.items()} if depth < DEEPEST else {}
        )

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        count = min(max(int(schema.get("minItems", 0)), 0 if depth >= 3 else 1), MOST + 1)
        first = [self.make(part_schema, depth + 1) for part_schema in schema.get("prefixItems", ())]
        rest = range(max(min(count, int(schema.get("maxItems", count))) - len(first), 0))
        return first + [self.make(schema.get("items", {}), depth + 1) for _ in rest]

    def _string(self, schema: dict[str, Any], depth: int) -> str:
        if "pattern" in schema:
            return matching(schema["pattern"])
        text = SHAPES.get(schema.get("format", "")) or self._offer.text()
        text = text.ljust(min(int(schema.get("minLength", 0)), MOST), "x")
        return text[: int(schema.get("maxLength", len(text) + 1_000))]

    def _integer(self, schema: dict[str, Any], depth: int) -> int:
        return math.ceil(self._number({**schema, "integer": True}, depth))

    def _number(self, schema: dict[str, Any], depth: int) -> float:
        step = 1 if schema.get("integer") else 0.5
        low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf) + step)
        high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf) - step)
        offered = self._offer.number()
        value = min(max(offered if offered is not None else 1.0, low), high)
        unit = schema.get("multipleOf")
        return float(math.ceil(value / unit) * unit if unit else value)

    def _boolean(self, schema: dict[str, Any], depth: int) -> bool:
        return True


def matching(pattern: str) -> str:
    """A text for the simple patterns that people write: classes, literals, counts. Groups give their first branch."""
    return "".join(_pieces(pattern.removeprefix("^").removesuffix("$")))


PIECE = re.compile(r"(\\.|\[[^\]]+\]|\((?:\?:)?([^()]*)\)|.)(\{(\d+)(?:,\d*)?\}|[*+?])?")


def _pieces(pattern: str) -> Iterator[str]:
    for atom, group, counted, least in PIECE.findall(pattern):
        times = min(int(least), MOST) if least else 0 if counted in ("*", "?") else 1
        yield _one(atom, group) * times


def _one(atom: str, group: str) -> str:
    if atom.startswith("("):
        return matching(group.split("|")[0])
    if atom.startswith("["):
        inside = atom[1:-1]
        return CLASSES.get(inside[:2], inside[0]) if not inside.startswith("^") else "~"
    return CLASSES.get(atom, atom.removeprefix("\\"))
