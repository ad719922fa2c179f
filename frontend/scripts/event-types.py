"""Writes `stream/events.ts`: the wire's events as TypeScript, made from `wire/events.py`.

    python frontend/scripts/event-types.py

Every field with a default is optional: readers get events from older and newer processes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wire.events import EVENT

TARGET = Path(__file__).resolve().parent.parent / "stream" / "events.ts"
HEAD = """\
/** The wire's events. Made from `wire/events.py` by `scripts/event-types.py`: change them there. */
"""
SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def typescript() -> str:
    """The whole file."""
    schema = EVENT.json_schema(mode="serialization")
    records = schema["$defs"]
    union = [ref.rsplit("/", 1)[-1] for ref in schema["discriminator"]["mapping"].values()]
    parts = [HEAD, *(_record(name, records[name]) for name in records), _union(union)]
    return "\n".join(parts)


def _record(name: str, schema: dict[str, Any]) -> str:
    doc = f"/** {' '.join(inspect.cleandoc(schema['description']).split())} */\n" if "description" in schema else ""
    return f"{doc}export type {name} = {{\n{''.join(_fields(schema))}}};\n"


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema["properties"].items():
        required = name == "type" or (name in schema.get("required", ()) and "default" not in field)
        yield f"  {name}{'' if required else '?'}: {_type(field)};\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    if "anyOf" in schema:  # None is never sent: its field is absent
        return " | ".join(_type(option) for option in schema["anyOf"] if option.get("type") != "null")
    if schema["type"] == "array":
        return f"{_type(schema['items'])}[]"
    if schema["type"] == "object":
        return "Record<string, unknown>"
    return SIMPLE[schema["type"]]


def _union(names: list[str]) -> str:
    return f"export type WireEvent = {' | '.join(names)};\n"


if __name__ == "__main__":
    TARGET.write_text(typescript(), encoding="utf-8")
