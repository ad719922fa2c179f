"""The kinds of servers that speak OpenAI's protocol, and what each kind accepts beyond it.

A strict server refuses a field that it does not know, and a lenient one ignores it in silence: so each kind gets only
what it accepts. A server's list of models shows its kind.
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
    """One kind of server. `who` is its name in messages; `setting` is the variable that holds its address."""

    who: str
    setting: str = "OPENAI_API_BASE_URL"
    samplers: Mapping[str, str] = MappingProxyType({})  # our option → its name, beyond `COMMON`
    budget: str = "max_tokens"
    switches_thinking: bool = False  # by the template's `enable_thinking`; else it has only `reasoning_effort`
    efforts: frozenset[str] = frozenset()  # the caller's words for thinking that it knows, beyond low, medium and high
    strict_schemas: bool = False  # keeps only to schemas that are marked as strict, and accepts few as such
    tops: int = 0  # the least `top_logprobs` with which it sends logprobs at all
    seeded: Mapping[str, Any] = MappingProxyType({})  # what a request with a seed needs to get the same answer again
    few_patterns: bool = False  # its grammars know little of what a schema's `pattern` may hold, and drop the rest
    hides_stop: bool = False  # it ends at a stop string, and does not report at which
    one_grammar: bool = False  # with a schema it holds calls to that schema too, so that there are none
    signs_calls: bool = False  # demands that calls in the history are signed, or marked as not signed
    key: str = "OPENAI_API_KEY"
    binds: frozenset[str] = frozenset({"logit_bias"})  # options that it holds an answer to, see `binding`
    shows: bool = False  # its list of models may show that it is of another kind


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
    """The entries of a list of models that have a name. Whatever else a server sends, a worker lives on."""
    return entries_by("id", entries)


def recognized(entries: list[dict[str, Any]], plain: Server) -> Server:
    """The kind of a server by its list of models; `plain` where the list shows none."""
    for entry in entries:
        if entry.get("owned_by") == "vllm" or "max_model_len" in entry:
            return VLLM._replace(setting=plain.setting, key=plain.key)
        if entry.get("owned_by") == "llamacpp":
            return LLAMA_CPP._replace(setting=plain.setting, key=plain.key)
    return plain


def model_info(entry: dict[str, Any]) -> ModelInfo:
    """A model by its entry of `/models`. Its capabilities stay unknown: some lists report that a model sees, and
    nothing of the rest, and the rest would then count as what the model cannot do."""
    meta = fields_of(entry.get("meta"))
    lengths = map(counted, (entry.get("max_model_len"), meta.get("n_ctx"), meta.get("n_ctx_train")))
    name = entry["id"].removeprefix("models/")  # as Google lists them
    return ModelInfo(name, True, next(filter(None, lengths), 0))
