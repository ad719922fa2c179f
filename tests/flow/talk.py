"""One client's wish in the chaos, and all that it heard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.sse import Frame


@dataclass
class Talk:
    """One client's wish, and all that it read of the answer over any number of connections."""

    name: str
    count: int
    plan: str  # "stay", "cancel" or "vanish"
    thread: str = ""  # where its answer, of the talk's own name, is kept; "": nowhere
    job: str = ""
    frames: list[Frame] = field(default_factory=list)
    connections: int = 0

    @property
    def last_id(self) -> str:
        return next((frame.id for frame in reversed(self.frames) if frame.id), "")

    @property
    def ended(self) -> bool:
        return bool(self.frames) and self.frames[-1].event in ("completed", "failed", "cancelled")

    @property
    def headers(self) -> dict[str, str]:
        wish = {} if self.plan == "vanish" and not self.thread else {"X-Sluice-On-Disconnect": "continue"}
        return {"Idempotency-Key": self.name, **wish}

    @property
    def turn(self) -> dict[str, Any]:
        """Its wish as the page would send it."""
        place = {"thread_id": self.thread, "parent_id": None, "message_id": f"q-{self.name}", "answer_id": self.name}
        messages = [{"type": "human", "content": f"!tokens {self.count}"}]
        return {"input": {"messages": messages}, "config": {"configurable": place}}
