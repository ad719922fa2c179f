"""The bodies that routes take, for the API's description."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


def documented(kind: type[BaseModel]) -> dict[str, Any]:
    """The schema of a body, with its definitions written out: the API's description finds none inside a schema."""
    schema = kind.model_json_schema()
    definitions = schema.pop("$defs", {})

    def written_out(part: Any) -> Any:
        if isinstance(part, list):
            return [written_out(item) for item in part]
        if not isinstance(part, dict):
            return part
        named = definitions.get(str(part.get("$ref", "")).rpartition("/")[2], {})
        return {name: written_out(value) for name, value in {**named, **part}.items() if name != "$ref"}

    content = {"application/json": {"schema": written_out(schema)}}
    return {"requestBody": {"required": True, "content": content}}
