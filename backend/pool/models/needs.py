"""What a request takes of a model, and the refusals that can be told before anything is enqueued."""

from __future__ import annotations

from backend.errors import TooLarge, Unsupported
from backend.pool.models.names import About, Offers
from wire.records import JobRequest, Target

BYTES_A_TOKEN = 16  # no tokenizer makes fewer tokens of any text but long runs of one character
SHOWN = 6  # models that a refusal names
SAID = {
    "completion": "write text",
    "embedding": "make vectors",
    "insert": "fill in text",
    "thinking": "think",
    "tools": "call tools",
    "vision": "see images",
}


def needs(request: JobRequest) -> list[str]:
    """Capabilities, as workers tell them of their models."""
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
    """Those that the model has not; none where nothing is known of it: the engine then has the last word."""
    able = about.get("capabilities")
    return [need for need in wanted if need not in able] if able else []


def unsupported(target: Target, wanted: list[str], offers: Offers) -> Unsupported:
    """Says which models here can."""
    lacking = " or ".join(SAID[need] for need in lacks(offers[target.pool].known.get(target.model, {}), wanted))
    able = _able(wanted, offers)
    told = f"here {able} can" if able else "no model here can: connect an engine with one that does"
    return Unsupported(f"The model {target.model!r} cannot {lacking}; {told}.")


def _able(wanted: list[str], offers: Offers) -> str:
    """`llava:7b (ollama), gpt-4o (openai)`."""
    found = {
        name: ", ".join(sorted(models.engines.get(name, ()))) or pool
        for pool, models in offers.items()
        for name, about in models.known.items()
        if about.get("capabilities") and not lacks(about, wanted)
    }
    return ", ".join(f"{name} ({engines})" for name, engines in sorted(found.items())[:SHOWN])


def length_of(request: JobRequest) -> int:
    """Bytes of the prompt; 0 of what has no window to fit."""
    if request.kind not in ("chat", "generate"):
        return 0
    return sum(len(message.content.encode()) for message in request.messages) + len((request.prompt or "").encode())


def fits(length: int, about: About) -> bool:
    """False where no tokenizer could make a prompt of so many bytes fit the model's window."""
    window = window_of(about)
    return not window or length <= window * BYTES_A_TOKEN


def window_of(about: About) -> int:
    """Tokens, 0 not known."""
    return int(about.get("context_length") or 0)


def too_long(length: int, model: str, window: int) -> TooLarge:
    return TooLarge(
        f"The prompt of {length:,} bytes cannot fit the {window:,} tokens that {model!r} can read; send less of it.",
        "context_too_long",
    )
