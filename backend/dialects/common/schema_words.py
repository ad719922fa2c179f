"""JSON schemas as their writers mean them: words that clients write, and that no engine's grammar knows as they stand.

Ollama's Go client sends null for every list and object that it was not given and "" for a type, and Ollama's decoder
reads both as absent. Gemini's clients write types in capitals, and others `any` where they mean no type. LiteLLM points
to a definition as `/$defs/Name`, without the `#` of this document.
"""

from __future__ import annotations

from typing import Any

NAMED = ("properties", "patternProperties", "$defs", "definitions")  # name → schema
LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
SINGLE = ("items", "additionalProperties", "not")
TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
NO_TYPE = ("any", "")
VALUES = ("const", "default")  # here null is a value, and not the absence of one


def as_meant(schema: Any) -> Any:
    """The same schema in an engine's words; a value that is no schema is returned as it is, for a check to refuse."""
    if not isinstance(schema, dict):
        return schema
    return {word: _value(word, value) for word, value in schema.items() if not _is_absent(word, value)}


def _is_absent(word: str, value: Any) -> bool:
    return (value is None and word not in VALUES) or (word == "type" and _is_any(value))


def _is_any(kind: Any) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return not kinds or any(isinstance(word, str) and word.lower() in NO_TYPE for word in kinds)


def _value(word: str, value: Any) -> Any:
    if word == "type":
        return [_kind(kind) for kind in value] if isinstance(value, list) else _kind(value)
    if word in NAMED and isinstance(value, dict):
        return {name: {} if inner is None else as_meant(inner) for name, inner in value.items()}
    if isinstance(value, list) and (word in LISTED or word == "items"):
        return [as_meant(inner) for inner in value]
    if word in SINGLE:
        return as_meant(value)
    if word == "$ref" and isinstance(value, str) and value.startswith("/"):
        return f"#{value}"
    return value


def _kind(kind: Any) -> Any:
    """`STRING` → `string`, null → `null`; a word that names no type stays."""
    if kind is None:
        return "null"
    return kind.lower() if isinstance(kind, str) and kind.lower() in TYPES else kind
