"""A value that a JSON schema allows: so the simulated engine keeps to a format without a model.

It knows the keywords that schemas made of types usually hold: type, enum, const, properties, required, items,
prefixItems, anyOf, oneOf, allOf, $ref, and the bounds of numbers, strings and lists. It does not know `pattern`, `not`
and `if`.
"""

from __future__ import annotations

from itertools import chain, islice, repeat
from typing import Any

import orjson

from ollama_worker.engines.base import Unsupported

WORD = "simulated"
DEEP = 4  # levels; below them only required parts are filled in, so that a schema that holds itself comes to an end
DEEPEST = 40  # levels; a schema that requires itself allows no value at all
FORMATS = {
    "date": "2026-01-01",
    "time": "12:00:00Z",
    "date-time": "2026-01-01T12:00:00Z",
    "email": "simulated@example.org",
    "uri": "https://example.org/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
MOST_NODES = 10_000  # values of an answer
NODE = 100  # characters that count as one more
LARGEST = 2**63 - 1  # our JSON cannot hold larger integers


class Room:
    """How much may still be built of one schema: doubling `$ref`s and lists of a billion would fill the memory."""

    def __init__(self, root: dict[str, Any], nodes: int = MOST_NODES) -> None:
        self.root = root
        self._nodes = nodes

    def take(self, nodes: int) -> None:
        """Count so many more values. Raises `Unsupported` where they are too many."""
        self._nodes -= nodes
        if self._nodes < 0:
            raise Unsupported(
                f"The simulated engine makes no answer of more than {MOST_NODES:,} parts, which this schema requires: "
                "connect a real model, or ask for less"
            )


def example(schema: dict[str, Any]) -> Any:
    """The same value for the same schema. Raises `Unsupported` for a schema that requires more than is built here."""
    try:
        return _value(schema, Room(schema), 0)
    except ArithmeticError as error:
        raise Unsupported("The simulated engine finds no number that this schema allows") from error


def _value(schema: Any, room: Room, depth: int) -> Any:
    room.take(1)
    if not isinstance(schema, dict) or depth > DEEPEST:
        return None if depth > DEEPEST else WORD
    if "$ref" in schema:
        return _value(_referred(schema["$ref"], room.root), room, depth + 1)
    for given in [schema["const"]] if "const" in schema else (schema.get("enum") or [])[:1]:
        room.take(len(orjson.dumps(given)) // NODE)
        return given
    for choice in ("anyOf", "oneOf"):
        if choices := schema.get(choice):
            room.take(len(choices) // NODE)
            return _value(_chosen(choices, depth), room, depth + 1)
    if schema.get("allOf"):
        return _value(_together(schema, room), room, depth + 1)
    return _typed(schema, room, depth)


def _referred(reference: str, root: dict[str, Any]) -> Any:
    """`#/$defs/Point` → the part of the schema at that place; empty where there is none."""
    part: Any = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference not in ("#", "") else ():
        part = part.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(part, dict) else {}
    return part


def _chosen(choices: list[Any], depth: int) -> Any:
    """The first choice; deep down the null choice, if there is one: it comes to an end."""
    ends = [choice for choice in choices if isinstance(choice, dict) and choice.get("type") == "null"]
    return ends[0] if ends and depth >= DEEP else choices[0]


def _together(schema: dict[str, Any], room: Room) -> dict[str, Any]:
    """All parts of an `allOf` as one schema."""
    parts = [_referred(part["$ref"], room.root) if "$ref" in part else part for part in schema["allOf"]]
    room.take(sum(1 + len(part.get("properties", ())) + len(part.get("required", ())) for part in parts))
    joined = {name: value for part in [schema, *parts] for name, value in part.items() if name != "allOf"}
    joined["properties"] = {name: its for part in [schema, *parts] for name, its in part.get("properties", {}).items()}
    joined["required"] = [name for part in [schema, *parts] for name in part.get("required", ())]
    return joined


def _typed(schema: dict[str, Any], room: Room, depth: int) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "array" if "items" in schema else "string")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind == "object":
        return _object(schema, room, depth)
    if kind == "array":
        return _array(schema, room, depth)
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    return {"boolean": True, "null": None}[kind] if kind in ("boolean", "null") else _text(schema, room)


def _object(schema: dict[str, Any], room: Room, depth: int) -> dict[str, Any]:
    properties, required = schema.get("properties") or {}, dict.fromkeys(schema.get("required") or ())
    names = [name for name in properties if depth < DEEP or name in required]
    return {name: _value(properties.get(name, {}), room, depth + 1) for name in dict.fromkeys([*names, *required])}


def _array(schema: dict[str, Any], room: Room, depth: int) -> list[Any]:
    first = schema.get("prefixItems") or []
    count = max(schema.get("minItems", 0), len(first) or int(depth < DEEP))
    count = min(count, schema.get("maxItems", count))
    kinds = islice(chain(first, repeat(schema.get("items", {}))), count)
    return [_value(kind, room, depth + 1) for kind in kinds]


def _number(schema: dict[str, Any], whole: bool) -> float:
    """The least number that is allowed; 1 where the schema has no bounds."""
    step = schema.get("multipleOf") or 1
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    if least is None:
        most = schema.get("maximum", schema.get("exclusiveMaximum", 1))
        least = min(most - ("maximum" not in schema and "exclusiveMaximum" in schema), max(1, step))
    steps = -(-least // step)  # rounded up
    value = (steps + (steps * step == schema.get("exclusiveMinimum"))) * step
    return min(max(int(value), -LARGEST), LARGEST) if whole else value


def _text(schema: dict[str, Any], room: Room) -> str:
    text = FORMATS.get(schema.get("format", ""), WORD)
    length = schema.get("minLength", 0)
    room.take(length // NODE)
    longer = text.ljust(length, "d")
    return longer[: schema["maxLength"]] if "maxLength" in schema else longer
