"""A grammar of the caller's own (the option `grammar`, in GBNF): kept where an engine has grammars, else refused."""

from __future__ import annotations

from ollama_worker.engines.base import RequestRefused, Unsupported
from wire.records import JobRequest

ELSEWHERE = "%llguidance"  # how grammars of another language begin, which llama.cpp drops in silence where it fails


def check_grammar(request: JobRequest, who: str, known: bool = False) -> None:
    """Raises `Unsupported` for a request with a grammar to an engine that knows none: left out in silence, the answer
    would be another one than was asked for."""
    grammar = request.options.get("grammar")
    if grammar is None:
        return
    if not known:
        raise Unsupported(
            f"{who} keeps to no grammar: send a JSON schema, or use SLUICE_ENGINE=llama-cpp or llama.cpp's server"
        )
    if not isinstance(grammar, str) or grammar.lstrip().startswith(ELSEWHERE):
        raise RequestRefused("`grammar` must be a text in GBNF, llama.cpp's own language for grammars")
    if request.format is not None or request.tools:
        raise RequestRefused("An answer keeps to a grammar, to a schema or to the calls of tools: send one of them")
