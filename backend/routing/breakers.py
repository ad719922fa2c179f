"""Which targets are in trouble just now, as the circuits of their pools tell (wire/circuits.py)."""

from __future__ import annotations

import time

from backend.pool.look import Look
from backend.pool.models.names import Offers
from backend.pool.pools import Pools
from wire.circuits import Circuit
from wire.records import Target

AGAIN_SECONDS = 1.0  # a look may be two seconds old: of the jobs that come meanwhile few ask whether they may try


class Breakers:
    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._asked: dict[tuple[str, str], float] = {}

    async def may_try(self, target: Target, broken: list[Circuit]) -> bool:
        """True for one job, each half minute that the circuit is open: it is sent there to see whether it answers."""
        asked, now = (target.pool, target.model), time.monotonic()
        if now - self._asked.get(asked, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._asked[asked] = now
        circuits = self._pools.named(target.pool).circuits
        return any([await circuits.probe(one.engine, one.model) for one in broken])


def broken(target: Target, look: Look, offers: Offers) -> list[Circuit]:
    """The circuits that are not closed, where no engine that offers the model in this pool has a closed one."""
    known = look.pools[target.pool].circuits if target.pool in look.pools else {}
    mine = [one for one in known.values() if one.model == target.model and one.state != "closed"]
    engines = offers[target.pool].engines.get(target.model, frozenset()) if mine else frozenset()
    return mine if engines <= {one.engine for one in mine} else []
