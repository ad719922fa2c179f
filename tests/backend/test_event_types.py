"""The page's types of the events are those of the wire."""

from __future__ import annotations

import runpy
from pathlib import Path

FRONTEND = Path(__file__).resolve().parents[2] / "frontend"


def test_the_pages_event_types_are_those_of_the_wire() -> None:
    script = runpy.run_path(str(FRONTEND / "scripts" / "event-types.py"))
    written = (FRONTEND / "stream" / "events.ts").read_text(encoding="utf-8")
    assert written == script["typescript"](), "stale: run python frontend/scripts/event-types.py"
