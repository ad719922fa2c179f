"""OpenAI's `/v1/models`: its four fields, and beside them the report of a worker.

`created` is always 0: the time when a model was made is not known here, and clients need a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.dialects.common.models import About
from backend.pool.models.names import Models


def listed(models: Models, ids: Mapping[str, str]) -> dict[str, Any]:
    data = [described(id, name, models.about(name), models.is_live(name)) for id, name in ids.items()]
    return {"object": "list", "data": data}


def described(id: str, name: str, about: About, live: bool) -> dict[str, Any]:
    """`id`: the caller's name for the model, `name`: its name here; they differ where `id` is an alias.

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
