"""Forms that an answer is held to beyond OpenAI's own `response_format`, as vLLM and llama.cpp name them.

| sent | as |
| --- | --- |
| `guided_json`, `structured_outputs.json`, `json_schema` | the job's `format`: every engine that holds to a schema |
| `structured_outputs.json_object` | `format` "json" |
| `grammar`, `guided_grammar`, `structured_outputs.grammar` | the option `grammar` (GBNF): vLLM, llama.cpp |
| `guided_choice`, `structured_outputs.choice` | the option `grammar`, of these texts |
| `guided_regex`, `structured_outputs.regex` | the option `regex`: vLLM |

An engine that has no such option refuses the job: an answer in another form would look like an answer in the form
that was requested. How the form is enforced (`guided_decoding_backend`, `…whitespace…`) is the engine's own business.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backend.dialects.common.answer_schema import Enforceable
from backend.dialects.openai.errors import BadParameter

GRAMMAR_MAX = 65_536  # characters
DEPTH_MAX = 50
CHOICES_MAX = 1_000
Grammar = Annotated[str, Field(min_length=1, max_length=GRAMMAR_MAX)]
Choices = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=2_000)]], Field(min_length=1, max_length=CHOICES_MAX)
]
Bias = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
TokenId = Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]


def as_schema(value: object) -> object:
    """A schema that was sent as the JSON of it. A schema inside of a text has not been bounded yet."""
    if not isinstance(value, str):
        return value
    if len(value) > GRAMMAR_MAX or depth_of(value) > DEPTH_MAX:
        raise ValueError(f"a schema in a text has at most {GRAMMAR_MAX:,} characters and {DEPTH_MAX} levels")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise ValueError("must be a JSON schema, as an object or as the JSON of one") from None


def depth_of(text: str) -> int:
    """How deep its brackets are nested; those inside of strings count too."""
    steps = (1 if char in "[{" else -1 for char in text if char in "[]{}")
    return max(accumulate(steps), default=0)


AnySchema = Annotated[Enforceable, BeforeValidator(as_schema, json_schema_input_type=str | dict[str, Any])]


class StructuredOutputs(BaseModel):
    model_config = ConfigDict(extra="ignore")

    json_: AnySchema | None = Field(None, alias="json")
    json_object: bool | None = None
    grammar: Grammar | None = None
    regex: Grammar | None = None
    choice: Choices | None = None


class AnswerForm(NamedTuple):
    """The form of an answer: a job's `format`, or the option that stands for it."""

    format: Any = None
    options: dict[str, Any] = {}  # noqa: RUF012 - never written


class Guided(BaseModel):
    """The fields of a request for a text."""

    model_config = ConfigDict(extra="ignore")

    guided_json: AnySchema | None = None
    guided_grammar: Grammar | None = None
    guided_regex: Grammar | None = None
    guided_choice: Choices | None = None
    structured_outputs: StructuredOutputs | None = None
    grammar: Grammar | None = None
    json_schema: AnySchema | None = None
    logit_bias: Annotated[dict[TokenId, Bias], Field(max_length=1_024)] | None = None

    def form(self, response_format: Any = None) -> AnswerForm:
        """Raises BadParameter where the request has more than one form. `response_format`: as a job's `format`."""
        nested = self.structured_outputs or StructuredOutputs()
        forms = {
            "response_format": _format(response_format),
            "guided_json": _format(self.guided_json),
            "json_schema": _format(self.json_schema),
            "grammar": _option("grammar", self.grammar),
            "guided_grammar": _option("grammar", self.guided_grammar),
            "guided_regex": _option("regex", self.guided_regex),
            "guided_choice": _option("grammar", grammar_of(self.guided_choice)),
            "structured_outputs.json": _format(nested.json_),
            "structured_outputs.json_object": _format("json" if nested.json_object else None),
            "structured_outputs.grammar": _option("grammar", nested.grammar),
            "structured_outputs.regex": _option("regex", nested.regex),
            "structured_outputs.choice": _option("grammar", grammar_of(nested.choice)),
        }
        named = [name for name, form in forms.items() if form]
        if len(named) > 1:
            raise BadParameter(named[1], f"An answer has one form: send {named[0]!r} or {named[1]!r}.")
        return forms[named[0]] or AnswerForm() if named else AnswerForm()


def grammar_of(choices: Sequence[str] | None) -> str | None:
    """Any one of these texts. GBNF's strings are escaped as JSON's are, where they hold nothing below a space."""
    if choices is None:
        return None
    return "root ::= " + " | ".join(orjson.dumps(choice).decode() for choice in choices)


def _format(wanted: Any) -> AnswerForm | None:
    return None if wanted is None else AnswerForm(wanted)


def _option(name: str, value: str | None) -> AnswerForm | None:
    return None if value is None else AnswerForm(None, {name: value})
