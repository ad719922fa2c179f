"""JSON schemas in a request: refused where no engine could make a grammar of them. The engine has the last word."""

from __future__ import annotations

from typing import Any

from backend.dialects.common.schema_words import LISTED, NAMED, SINGLE, TYPES, as_meant

NUMBERS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
)  # older drafts: exclusive is true
COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
LEAST = ("minLength", "minItems", "minProperties")
MOST_AT_LEAST = 100_000  # no answer has so many items, or characters in one text; engines would build as many rules
TEXTS = ("pattern", "format")


def real_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema as it is meant (`as_meant`). Raises ValueError, which names the place of what is wrong."""
    meant: dict[str, Any] = as_meant(schema)
    _check(meant, "schema")
    return meant


def _check(schema: Any, where: str) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise ValueError(f"{where} must be a JSON schema: an object")
    _check_words(schema, where)
    for name in NAMED:
        for key, inner in _object(schema.get(name, {}), f"{where}.{name}").items():
            _check(inner, f"{where}.{name}.{key[:64]}")
    # Drafts up to 7 list the schemas of a tuple's parts under `items`.
    listed = (*LISTED, "items") if isinstance(schema.get("items"), list) else LISTED
    for name in listed:
        for place, inner in enumerate(_list(schema.get(name, []), f"{where}.{name}")):
            _check(inner, f"{where}.{name}.{place}")
    for name in SINGLE:
        if name in schema and name not in listed:
            _check(schema[name], f"{where}.{name}")


def _check_words(schema: dict[str, Any], where: str) -> None:
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind not in TYPES:
            raise ValueError(f"{where}.type must be one of {', '.join(sorted(TYPES))}")
    if not isinstance(reference := schema.get("$ref", "#"), str) or not reference.startswith("#"):
        raise ValueError(f"{where}.$ref must begin with '#': nothing is fetched")
    if not all(isinstance(name, str) for name in _list(schema.get("required", []), f"{where}.required")):
        raise ValueError(f"{where}.required must be a list of names")
    if "enum" in schema and not _list(schema["enum"], f"{where}.enum"):
        raise ValueError(f"{where}.enum must name a value")
    _check_bounds(schema, where)


def _check_bounds(schema: dict[str, Any], where: str) -> None:
    for names, kinds, what in (
        (NUMBERS, (int, float), "a number"),
        (COUNTS, (int,), "a count"),
        (TEXTS, (str,), "text"),
    ):
        for name in names:
            if name in schema and not isinstance(schema[name], kinds):
                raise ValueError(f"{where}.{name} must be {what}")
    if any(schema.get(name, 0) < 0 for name in COUNTS):
        raise ValueError(f"{where}: a count is 0 or more")
    for name in LEAST:
        if schema.get(name, 0) > MOST_AT_LEAST:
            raise ValueError(f"{where}.{name} must be {MOST_AT_LEAST:,} or less: no answer could be so long")


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} must be an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where} must be a list")
    return value
