"""`response_format`: text, any JSON object, or JSON of a schema that engines can hold an answer to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from backend.dialects.common.answer_schema import Enforceable, object_schema


class JsonSchema(BaseModel):
    """The schema of an answer. With `strict` or without, an answer is held to it; OpenAI's cloud closes the schema."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_-]+$")]
    description: str | None = None
    schema_: Annotated[Enforceable, AfterValidator(object_schema)] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(BaseModel):
    """The form of an answer. `schema` beside the type is llama.cpp's way to write it, for `json_object` too."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None
    schema_: Enforceable | None = Field(None, alias="schema")

    @model_validator(mode="after")
    def has_its_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None and self.schema_ is None:
            raise ValueError("type json_schema needs the field json_schema")
        return self

    def as_format(self) -> Literal["json"] | dict[str, Any] | None:
        """A job's `format`."""
        if self.type == "text":
            return None
        if self.type == "json_schema" and self.json_schema is not None:
            return self.json_schema.schema_
        return "json" if self.schema_ is None else self.schema_
