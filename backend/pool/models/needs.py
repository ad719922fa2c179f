"""What a request needs of a model, and the refusals that are known before anything is enqueued."""

from __future__ import annotations

from backend.errors import TooLarge, Unsupported
from backend.pool.models.names import About, Offers
from wire.records import JobRequest, Target

BYTES_A_TOKEN = 16  # no tokenizer makes fewer tokens of any text but long runs of one character
SHOWN = 6  # models that a refusal names
ABILITIES = {
    "completion": "write text",
    "embedding": "make vectors",
    "insert": "fill in text",
    "thinking": "think",
    "tools": "call tools",
    "vision": "see images",
}


def needs(request: JobRequest) -> list[str]:
    """The capabilities that a request needs, named as workers name those of their models."""
    wanted = {"chat": ["completion"], "generate": ["completion"], "embed": ["embedding"]}.get(request.kind, [])
    if request.kind == "generate" and request.suffix:
        wanted.append("insert")
    if request.tools and request.tool_choice != "none":
        wanted.append("tools")
    if any(message.images for message in request.messages):
        wanted.append("vision")
    if request.think:
        wanted.append("thinking")
    return wanted


def lacks(about: About, wanted: list[str]) -> list[str]:
    """The capabilities that the model lacks; none where its capabilities are not known: then the engine decides."""
    able = about.get("capabilities")
    return [need for need in wanted if need not in able] if able else []


def unsupported(target: Target, wanted: list[str], offers: Offers) -> Unsupported:
    """The refusal, with the models here that have the capabilities."""
    lacking = " or ".join(ABILITIES[need] for need in lacks(offers[target.pool].known.get(target.model, {}), wanted))
    able = _able(wanted, offers)
    others = f"here {able} can" if able else "no model here can: connect an engine with one that does"
    return Unsupported(f"The model {target.model!r} cannot {lacking}; {others}.")


def _able(wanted: list[str], offers: Offers) -> str:
    """`llava:7b (ollama), gpt-4o (openai)`."""
    engines_of = {
        name: ", ".join(sorted(models.engines.get(name, ()))) or pool
        for pool, models in offers.items()
        for name, about in models.known.items()
        if about.get("capabilities") and not lacks(about, wanted)
    }
    return ", ".join(f"{name} ({engines})" for name, engines in sorted(engines_of.items())[:SHOWN])


def length_of(request: JobRequest) -> int:
    """Bytes of the prompt; 0 for a job whose prompt has no window to fit."""
    if request.kind not in ("chat", "generate"):
        return 0
    return sum(len(message.content.encode()) for message in request.messages) + len((request.prompt or "").encode())


def fits(length: int, about: About) -> bool:
    """False where no tokenizer could make a prompt of so many bytes fit the model's window."""
    window = window_of(about)
    return not window or length <= window * BYTES_A_TOKEN


def window_of(about: About) -> int:
    """How many tokens the model's window holds, 0 not known."""
    return int(about.get("context_length") or 0)


def too_long(length: int, model: str, window: int) -> TooLarge:
    return TooLarge(
        f"The prompt of {length:,} bytes cannot fit the {window:,} tokens that {model!r} can read; send less of it.",
        "context_too_long",
    )
