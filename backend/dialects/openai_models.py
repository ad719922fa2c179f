"""OpenAI's `/v1/models`: its four fields, and beside them what a worker says of the model.

`created` is always 0: nobody here knows when a model was made, and clients ask for a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

About = Mapping[str, Any]


def listed(known: Mapping[str, About], live: Mapping[str, About], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Live ones first. `aliases`: other words for models that are there."""
    meant = {**{name: name for name in known}, **aliases}
    ids = sorted(meant, key=lambda id: (meant[id] not in live, id))
    return {"object": "list", "data": [told(id, meant[id], known.get(meant[id], {}), meant[id] in live) for id in ids]}


def told(id: str, name: str, about: About, live: bool) -> dict[str, Any]:
    """`id`: what the caller calls it, `name`: what it is called here, which differ where `id` is an alias.

    `live`: a worker offers it now; `context_length` None: not known.
    """
    return {
        "id": id,
        "object": "model",
        "created": 0,
        "owned_by": "sluice",
        "name": name,
        "live": live,
        "loaded": live and bool(about.get("loaded")),
        "context_length": int(about.get("context_length") or 0) or None,
        "capabilities": list(about.get("capabilities") or ()),
    }
