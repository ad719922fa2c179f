"""A build hook: the wheel brings the built page along, where there is one, as `backend/page`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageInWheel(BuildHookInterface):  # type: ignore[type-arg]
    """An editable install serves the page from the checkout itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        page = Path(self.root) / "frontend" / "out"
        if version == "standard" and (page / "headers.json").is_file():
            build_data["force_include"][str(page)] = "backend/page"
