"""Options that an answer is bound by. An engine passes over a sampler that it lacks; one of these it must refuse: an
answer in another form would look like one in the form that was asked for.
"""

from __future__ import annotations

from collections.abc import Collection

from ollama_worker.engines.base import Unsupported
from wire.records import JobRequest

# Option → who has it, for the refusal of one that has not.
BINDING = {
    "grammar": "SLUICE_ENGINE=llama-cpp, or openai with vLLM or llama.cpp's server",
    "regex": "SLUICE_ENGINE=openai with vLLM",
    "logit_bias": "SLUICE_ENGINE=llama-cpp or openai",
}


def check_binding(ask: JobRequest, taken: Collection[str], who: str) -> None:
    """Raises `Unsupported` for the first such option that the request has and `who` does not take."""
    for name, others in BINDING.items():
        if ask.options.get(name) is not None and name not in taken:
            raise Unsupported(f"{who} has no {name!r} to hold an answer to: leave it out, or use {others}")
