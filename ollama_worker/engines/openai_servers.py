"""The kinds of servers that speak OpenAI's protocol, and what each takes beyond it.

A server that is strict refuses what it does not know, a lenient one ignores it in silence: so each gets what it takes.
Which kind it is shows on its list of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ollama_worker.engines.http import entries_by, fields_of
from ollama_worker.engines.store import ModelInfo
from wire.events import counted

# Our option (Ollama's name) → OpenAI's own.
COMMON = ("temperature", "top_p", "seed", "stop", "presence_penalty", "frequency_penalty")


class Server(NamedTuple):
    """One kind. `who` is for messages; `setting` is the variable that names its address."""

    who: str
    setting: str = "OPENAI_API_BASE_URL"
    samplers: Mapping[str, str] = MappingProxyType({})  # our option → its name, beyond `COMMON`
    budget: str = "max_tokens"
    switches_thinking: bool = False  # by the template's `enable_thinking`; else `reasoning_effort` is all there is
    efforts: frozenset[str] = frozenset()  # words of the caller's for thinking, beyond low, medium and high
    strict_schemas: bool = False  # keeps to a schema only if it is marked as strict, and takes few of them as such
    tops: int = 0  # the least number of likely tokens without which it tells no logprobs at all
    seeded: Mapping[str, Any] = MappingProxyType({})  # what makes it answer the same again, where a seed asks for that
    few_patterns: bool = False  # its grammars know little of what a schema's `pattern` may say, and drop the rest
    hides_stop: bool = False  # it ends at a stop string, and does not say at which
    one_grammar: bool = False  # with a schema it holds its calls to that too, so that there are none
    signs_calls: bool = False  # wants calls in the history signed, or marked as not signed
    key: str = "OPENAI_API_KEY"
    binds: frozenset[str] = frozenset({"logit_bias"})  # options that it holds an answer to, see `binding`
    shows: bool = False  # its list of models may show that it is another kind


LLAMA_SAMPLERS = MappingProxyType(
    {name: name for name in ("top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n")}
)
VLLM_SAMPLERS = MappingProxyType({"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"})

PLAIN = Server("The OpenAI-compatible server", tops=1, shows=True)
VLLM = Server(
    "vLLM",
    samplers=VLLM_SAMPLERS,
    switches_thinking=True,
    binds=frozenset({"grammar", "regex", "logit_bias"}),
)
LLAMA_CPP = Server(
    "llama.cpp",
    samplers=LLAMA_SAMPLERS,
    switches_thinking=True,
    tops=1,
    seeded=MappingProxyType({"cache_prompt": False}),
    few_patterns=True,
    hides_stop=True,
    one_grammar=True,
    binds=frozenset({"grammar", "logit_bias"}),
)
HF = PLAIN._replace(setting="HF_LOCAL_HOST", key="")
OPENAI = Server(
    "OpenAI",
    "SLUICE_OPENAI_URL",
    budget="max_completion_tokens",
    efforts=frozenset({"none", "minimal", "xhigh", "max"}),
    strict_schemas=True,
)
GOOGLE = Server(
    "Google",
    "SLUICE_GOOGLE_URL",
    efforts=frozenset({"none", "minimal"}),
    signs_calls=True,
    binds=frozenset(),
    key="GOOGLE_API_KEY",
)


def named(entries: Any) -> list[dict[str, Any]]:
    """The entries of a list of models that have a name: whatever else a server sends, a worker lives on."""
    return entries_by("id", entries)


def recognized(entries: list[dict[str, Any]], plain: Server) -> Server:
    """The kind of a server by its list of models; `plain` where nothing tells."""
    for entry in entries:
        if entry.get("owned_by") == "vllm" or "max_model_len" in entry:
            return VLLM._replace(setting=plain.setting, key=plain.key)
        if entry.get("owned_by") == "llamacpp":
            return LLAMA_CPP._replace(setting=plain.setting, key=plain.key)
    return plain


def model_info(entry: dict[str, Any]) -> ModelInfo:
    """From an entry of `/models`. What a model can do stays not known: some lists tell that it sees, and nothing of
    the rest, which would then count as what it cannot."""
    meta = fields_of(entry.get("meta"))
    lengths = map(counted, (entry.get("max_model_len"), meta.get("n_ctx"), meta.get("n_ctx_train")))
    name = entry["id"].removeprefix("models/")  # as Google lists them
    return ModelInfo(name, True, next(filter(None, lengths), 0))
