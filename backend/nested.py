"""What parsed JSON may hold and nothing behind us survives: endless nesting, and NULs."""

from __future__ import annotations

from typing import Any

CONTAINERS = (dict, list)


def is_deeper(value: Any, levels: int) -> bool:
    """Level by level, since what is to be found out is whether recursion would fail."""
    level = [value] if isinstance(value, CONTAINERS) else []
    for _ in range(levels):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [child for children in inner for child in children if isinstance(child, CONTAINERS)]
    return bool(level)


def has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(has_nul(k) or has_nul(v) for k, v in value.items())
    return isinstance(value, list) and any(map(has_nul, value))
