"""A caller's own grammar (the option `grammar`). llama.cpp keeps to a grammar in GBNF, and to no schema beside it."""

from __future__ import annotations

from ollama_worker.engines.base import RequestRefused
from wire.records import JobRequest

ELSEWHERE = "%llguidance"  # the beginning of a grammar in another language: llama.cpp drops one in silence if it fails


def check_grammar(ask: JobRequest) -> None:
    """Raises `RequestRefused` for a grammar that llama.cpp would not keep to."""
    grammar = ask.options.get("grammar")
    if grammar is None:
        return
    if not isinstance(grammar, str) or grammar.lstrip().startswith(ELSEWHERE):
        raise RequestRefused("`grammar` must be a text in GBNF, llama.cpp's own language for grammars")
    if ask.format is not None or ask.tools:
        raise RequestRefused("An answer keeps to a grammar, to a schema or to the calls of tools: send one of them")
