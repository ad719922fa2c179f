"""`response_format`: text, any JSON object, or JSON of a schema that engines can hold an answer to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from backend.dialects.schemas import real_schema

# What no engine's grammar enforces, and what would not only loosen but change the meaning if it were passed over.
BEYOND_US = frozenset(
    "not if then else dependencies dependentRequired dependentSchemas unevaluatedProperties unevaluatedItems "
    "$dynamicRef $recursiveRef".split()
)
NAMED = ("properties", "patternProperties", "$defs", "definitions")  # name → schema: names are no keywords
DATA = ("const", "default", "enum", "example", "examples")  # values: what is in them is no schema


def answer_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """As it came. Raises ValueError unless it describes an object, within itself, in words that engines know."""
    real_schema(schema)
    if schema.get("type", "object") != "object":
        raise ValueError("the schema's root must be of type object")
    _check(schema, schema)
    return schema


def _check(node: Any, root: dict[str, Any]) -> None:
    if isinstance(node, list):
        for one in node:
            _check(one, root)
    if not isinstance(node, dict):
        return
    if beyond := sorted(BEYOND_US & node.keys()):
        raise ValueError(f"the schema's keyword {beyond[0]!r} is not supported: no engine can enforce it")
    if "$ref" in node and not _points_into(root, reference := str(node["$ref"])):
        raise ValueError(f"the schema's $ref {reference[:100]!r} points to nothing in it")
    for name, inner in node.items():
        if name in NAMED and isinstance(inner, dict):
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


class JsonSchema(BaseModel):
    """`strict` or not: an answer is always held to the schema."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]
    description: str | None = None
    schema_: Annotated[dict[str, Any], AfterValidator(answer_schema)] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def has_its_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("type json_schema needs the field json_schema")
        return self

    def as_format(self) -> Literal["json"] | dict[str, Any] | None:
        """A job's `format`."""
        if self.type == "text":
            return None
        return "json" if self.json_schema is None or self.type == "json_object" else self.json_schema.schema_
