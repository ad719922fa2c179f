"""A grammar of the caller's own (the option `grammar`), as llama.cpp keeps to it: in GBNF, and by itself."""

from __future__ import annotations

from ollama_worker.engines.base import RequestRefused
from wire.records import JobRequest

ELSEWHERE = "%llguidance"  # how grammars of another language begin, which llama.cpp drops in silence where it fails


def check_grammar(ask: JobRequest) -> None:
    """Raises `RequestRefused` for a grammar that llama.cpp would not keep to."""
    grammar = ask.options.get("grammar")
    if grammar is None:
        return
    if not isinstance(grammar, str) or grammar.lstrip().startswith(ELSEWHERE):
        raise RequestRefused("`grammar` must be a text in GBNF, llama.cpp's own language for grammars")
    if ask.format is not None or ask.tools:
        raise RequestRefused("An answer keeps to a grammar, to a schema or to the calls of tools: send one of them")
