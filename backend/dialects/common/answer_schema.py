"""Schemas that an answer is held to. A schema that no engine could enforce is refused, in every dialect alike."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from backend.dialects.common.schema import real_schema
from backend.dialects.common.schema_words import NAMED

# Keywords that no engine's grammar enforces, and without which a schema would not be looser but mean another thing.
BEYOND_US = frozenset(
    "not if then else dependencies dependentRequired dependentSchemas unevaluatedProperties unevaluatedItems "
    "$dynamicRef $recursiveRef".split()
)
DATA = ("const", "default", "enum", "example", "examples")  # their values hold no schema


def answer_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as it is meant. Raises ValueError unless it is complete in itself, in words that engines know."""
    meant = real_schema(schema)
    _check(meant, meant)
    return meant


def object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The same schema. Raises ValueError unless it describes an object, which is a rule of OpenAI's alone."""
    if schema.get("type", "object") != "object":
        raise ValueError("the schema's root must be of type object")
    return schema


Enforceable = Annotated[dict[str, Any], AfterValidator(answer_schema)]


def _check(node: Any, root: dict[str, Any]) -> None:
    if isinstance(node, list):
        for inner in node:
            _check(inner, root)
    if not isinstance(node, dict):
        return
    if beyond := sorted(BEYOND_US & node.keys()):
        raise ValueError(f"the schema's keyword {beyond[0]!r} is not supported: no engine can enforce it")
    if "$ref" in node and not _points_into(root, reference := str(node["$ref"])):
        raise ValueError(f"the schema's $ref {reference[:100]!r} points to nothing in it")
    for name, inner in node.items():
        if name in NAMED and isinstance(inner, dict):  # its names are no keywords
            _check(list(inner.values()), root)
        elif name not in DATA:
            _check(inner, root)


def _points_into(root: Any, reference: str) -> bool:
    """Whether `#/$defs/name` is there. Raises nothing."""
    for part in reference.removeprefix("#").split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(root, dict) or part not in root:
            return False
        root = root[part]
    return reference == "#" or (reference.startswith("#/") and isinstance(root, dict | bool))
