"""Where another attempt may continue an answer behind the text so far: one list, with a test for each entry.

Continuing is sound when the prompt that the model sees is exactly the prompt of the first attempt plus the text so
far. That depends on the engine that renders the template. So a pair is listed only with a test that compares rendered
prompts, and both engines compare them again for the model at hand before they continue.
"""

from __future__ import annotations

from typing import NamedTuple

from wire.records import JobRequest


class Family(NamedTuple):
    """A way to mark turns. A template belongs to the family when it holds every mark and none of the foreign ones."""

    name: str
    marks: tuple[str, ...]
    foreign: tuple[str, ...] = ()


# A template that opens a thought in the assistant's turn is another family: the text so far would land inside it.
CHATML = Family("chatml", ("<|im_start|>", "<|im_end|>", "assistant"), foreign=("<think>",))

# (engine, family): its evidence.
EVIDENCE: dict[tuple[str, Family], str] = {
    ("ollama", CHATML): "tests/ollama_worker/engines/test_real_ollama.py::test_chatml_continues_behind_a_prefill",
    ("llama-cpp", CHATML): "tests/ollama_worker/engines/test_llama_cpp.py::test_chatml_continues_behind_a_prefill",
}


def spent(ask: JobRequest) -> bool:
    """Whether earlier attempts used all of `num_predict`: the rest is 0, which engines read as "no limit"."""
    return ask.options.get("num_predict") == 0


def listed(engine: str, template: str) -> bool:
    """Whether `template` (its source text) belongs to a family that is listed for `engine`."""
    return any(name == engine and _belongs(template, family) for name, family in EVIDENCE)


def _belongs(template: str, family: Family) -> bool:
    has = all(mark in template for mark in family.marks)
    return has and not any(mark in template for mark in family.foreign)
