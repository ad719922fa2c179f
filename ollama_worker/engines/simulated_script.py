"""What the simulated engine answers: a pure function of the ask, so that any attempt can continue another's text.

A prompt that begins with `!` is an order, for tests:

    !tokens N                       N numbered words: each is unique, so that a lost or doubled one is seen
    !demo                           one of everything that the page draws: code, a table, a formula, a diagram
    !think                          a thought, then the canned answer
    !say TEXT                       that text
    !call NAME {"x": 1}             a call of that tool, where the ask has tools; several lines, several calls
    !fault KIND [after N]           fail at word N (default 0) of N + 10 numbered words; see `FAULTS`
    !die [after N]                  the process ends at once: a poison job

`!tokens` and `!demo` always work; all others only with SLUICE_SIMULATED_FAULTS=1.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from ollama_worker.engines.simulated_schema import example
from wire.records import JobRequest

FAULTS = (
    *("out_of_memory", "stream_cut", "silent", "unavailable", "failed"),
    *("context_too_long", "model_not_found", "die"),
)
MOST_WORDS = 1_000_000  # an order for more is a slip of the keyboard

ORDER = re.compile(r"!(?:tokens (?P<words>\d+)|think|fault (?P<kind>\w+)|(?P<die>die))(?: after (?P<after>\d+))?\s*$")
TOKEN = re.compile(r"\s*\S+|\s+$")

ANSWER = """\
**This answer is simulated: no model is connected.** Everything around it is real: the queue, the stream, the cancel \
button.

To talk to a real model, do one of these and start Sluice again:

1. Run Ollama (`ollama serve`, `ollama pull qwen2.5:0.5b`) and set `OLLAMA_BASE_URL` if it is on another machine.
2. Set `SLUICE_GGUF` to the path of a GGUF file.

Send `!demo` to see how answers are drawn.

You wrote: {echo}"""
DEMO = """\
**This answer is simulated**, and shows what the page draws.

| part | how |
| --- | --- |
| code | highlighted, with a button to copy it |
| formulas | $e^{i\\pi} + 1 = 0$ |
| diagrams | drawn once they are whole |

```python
def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
```

```mermaid
flowchart LR
  browser[Your browser] --> api[API]
  api --> queue[(Queue)]
  queue --> worker[GPU worker]
  worker -- tokens --> browser
```

$$
\\sum_{k=1}^{n} k = \\frac{n (n + 1)}{2}
$$

- [x] nothing lost
- [x] nothing doubled
"""
THOUGHT = "This thought is simulated. A real model would reason about the question here, before it answers."


class Script(NamedTuple):
    """An answer in tokens, then calls of tools. `fault` happens when `fault_at` tokens are out."""

    tokens: tuple[str, ...]
    thought: tuple[str, ...] = ()
    calls: tuple[dict[str, Any], ...] = ()
    fault: str = ""
    fault_at: int = 0
    stop: str = ""  # the stop string behind the tokens


def script_of(ask: JobRequest, faults_allowed: bool) -> Script:
    """The whole answer, before `num_predict` and the text of earlier attempts are taken off."""
    prompt = last_words(ask)
    ordered = _ordered(prompt, faults_allowed) if prompt.startswith("!") else None
    if ordered and ordered.calls and not may_call(ask):
        ordered = None
    script = ordered or Script(tokens_of(_canned(ask, prompt)))
    thinks = ask.think or (faults_allowed and prompt.startswith("!think"))
    script = script._replace(thought=tokens_of(THOUGHT) if thinks else ())
    text, stop = until_stop("".join(script.tokens), ask)
    return script._replace(tokens=tokens_of(text), stop=stop)


def may_call(ask: JobRequest) -> bool:
    """Whether the answer may be a call: there are tools, and the last message is not a tool's answer."""
    return bool(ask.tools and ask.messages) and ask.messages[-1].role != "tool"


def last_words(ask: JobRequest) -> str:
    """The prompt, or the last user message."""
    if ask.kind == "generate":
        return ask.prompt or ""
    return next((message.content for message in reversed(ask.messages) if message.role == "user"), "")


def _ordered(prompt: str, faults_allowed: bool) -> Script | None:
    """The answer that the prompt orders; None where the order is unknown, or not allowed."""
    if prompt.strip() == "!demo":
        return Script(tokens_of(DEMO))
    if faults_allowed and prompt.startswith("!say "):
        return Script(tokens_of(prompt.removeprefix("!say ")))
    if faults_allowed and prompt.startswith("!call "):
        return Script((), calls=tuple(_call(line) for line in prompt.splitlines() if line.startswith("!call ")))
    order = ORDER.match(prompt)
    if order is None:
        return None
    if order["words"]:
        return Script(numbered(min(int(order["words"]), MOST_WORDS)))
    kind, at = order["die"] or order["kind"], int(order["after"] or 0)
    if not faults_allowed or kind not in FAULTS:
        return None
    return Script(numbered(at + 10), fault=kind, fault_at=at)


def _call(line: str) -> dict[str, Any]:
    """The call in a line `!call NAME {"x": 1}`. Arguments that are no JSON object are left out."""
    _, name, arguments = (*line.split(maxsplit=2), "", "")[:3]
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        value = {}
    return {"function": {"name": name, "arguments": value if isinstance(value, dict) else {}}}


def numbered(count: int) -> tuple[str, ...]:
    """`w0`, ` w1`, ` w2`, …"""
    return tuple(f" w{n}" if n else "w0" for n in range(count))


def _canned(ask: JobRequest, prompt: str) -> str:
    if isinstance(ask.format, dict):
        return orjson.dumps(example(ask.format)).decode()
    if ask.format is not None:
        return orjson.dumps({"simulated": True, "advice": "connect a real model to get your schema filled"}).decode()
    echo = prompt[:200] + ("…" if len(prompt) > 200 else "")
    images = len(next((message.images or () for message in reversed(ask.messages) if message.role == "user"), ()))
    answered = [message.content for message in ask.messages if message.role == "tool"]
    return (
        ANSWER.format(echo=echo)
        + (f"\n\nImages sent with it: {images}." if images else "")
        + (f"\n\nWhat tools answered: {'; '.join(answered)[:200]}" if answered else "")
    )


def until_stop(text: str, ask: JobRequest) -> tuple[str, str]:
    """`text` up to the first stop string, and that stop string; "" where there is none."""
    stop = ask.options.get("stop") or []
    words = [word for word in ([stop] if isinstance(stop, str) else stop) if word and word in text]
    first = min(words, key=text.find, default="")
    return text[: text.find(first)] if first else text, first


def tokens_of(text: str) -> tuple[str, ...]:
    """The words of a text, each with the space before it; joined they are the text again."""
    return tuple(TOKEN.findall(text))
