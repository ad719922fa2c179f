"""The OpenAPI description of routes that read their bodies themselves: `openapi_extra`, made of a request's model."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

HEADERS = {
    "Idempotency-Key": "The same key and body joins the live job; with another body it is refused.",
    "X-Sluice-On-Disconnect": "cancel (default), continue, or grace:<seconds>.",
    "X-Sluice-Pace": "Milliseconds that tokens of a stream may be gathered before they are sent: 0 (default) to 1000.",
    "X-Request-ID": "Bound to every log line of this job, here and in the worker.",
}


def takes(model: type[BaseModel], headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The description of a route whose body is `model`. `headers`: those it heeds; None: those of every job's route."""
    heeded = HEADERS if headers is None else headers
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(model)}}},
        "parameters": [_header(name, about) for name, about in heeded.items()],
    }


def _header(name: str, about: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": {"type": "string"}}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A schema that stands by itself: a `$ref` to its own `$defs` would point nowhere in the whole document."""
    schema = model.model_json_schema()
    whole: dict[str, Any] = _inlined(schema, schema.pop("$defs", {}))
    return whole


def _inlined(node: Any, defs: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(inner, defs) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        beside = {name: value for name, value in node.items() if name != "$ref"}
        return {**_inlined(defs[node["$ref"].rpartition("/")[2]], defs), **beside}
    return {name: _inlined(value, defs) for name, value in node.items() if name != "discriminator"}
