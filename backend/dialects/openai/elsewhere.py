"""Tools that are no functions: searches, shells, namespaces, free-form ones.

They run elsewhere, or in a grammar of their own, and agents offer them to every server alike. They are left out, so
that the agent works with its functions; a `tool_choice` that needs one is refused.
"""

from __future__ import annotations

from backend.dialects.openai.errors import NotOffered

CHOICES = ("none", "auto", "required", "function", "allowed_tools")


def runs_elsewhere(tool: object) -> bool:
    """A tool of an unknown kind is no mistake: there are new ones every few months."""
    kind = tool.get("type") if isinstance(tool, dict) else None
    return isinstance(kind, str) and kind != "function"


def check_choice(choice: object) -> None:
    """Raises NotOffered for a `tool_choice` of another kind than functions."""
    kind = choice.get("type") if isinstance(choice, dict) else None
    if isinstance(kind, str) and kind not in CHOICES:
        advice = f"'tool_choice' names a tool of type {kind[:64]!r}, which runs elsewhere; offer a function instead."
        raise NotOffered("tool_choice.type", advice)
