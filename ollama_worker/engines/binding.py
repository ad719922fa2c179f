"""Options that bind the form of an answer. An engine ignores a sampler that it lacks, but it must refuse a binding
option that it lacks: else an answer in another form would look like one in the requested form.
"""

from __future__ import annotations

from collections.abc import Collection

from ollama_worker.engines.base import Unsupported
from wire.records import JobRequest

# Option → the engines that have it, for the refusal of an engine that has not.
BINDING = {
    "grammar": "SLUICE_ENGINE=llama-cpp, or openai with vLLM or llama.cpp's server",
    "regex": "SLUICE_ENGINE=openai with vLLM",
    "logit_bias": "SLUICE_ENGINE=llama-cpp or openai",
}


def check_binding(ask: JobRequest, taken: Collection[str], who: str) -> None:
    """Raises `Unsupported` for the first binding option of the request that `who` does not have."""
    for name, others in BINDING.items():
        if ask.options.get(name) is not None and name not in taken:
            raise Unsupported(f"{who} has no {name!r} to hold an answer to: leave it out, or use {others}")
