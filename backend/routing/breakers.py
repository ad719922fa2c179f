"""Which targets are in trouble now, by the circuits of their pools (wire/circuits.py)."""

from __future__ import annotations

import time

from backend.pool.look import Look
from backend.pool.models.names import Offers
from backend.pool.pools import Pools
from wire.circuits import Circuit
from wire.records import Target

AGAIN_SECONDS = 1.0  # a look may be two seconds old: of the jobs that come meanwhile few try to probe


class Breakers:
    """Lets single jobs try targets whose circuits are open."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._probed: dict[tuple[str, str], float] = {}

    async def may_try(self, target: Target, broken: list[Circuit]) -> bool:
        """True for one job in each half minute for which the circuits are open: the job probes whether the target
        answers."""
        place, now = (target.pool, target.model), time.monotonic()
        if now - self._probed.get(place, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        self._probed[place] = now
        circuits = self._pools.named(target.pool).circuits
        return any([await circuits.probe(circuit.engine, circuit.model) for circuit in broken])


def broken(target: Target, look: Look, offers: Offers) -> list[Circuit]:
    """The circuits of a target that are not closed; [] where an engine that offers its model has a closed circuit."""
    known = look.pools[target.pool].circuits.values() if target.pool in look.pools else ()
    open_ones = [circuit for circuit in known if circuit.model == target.model and circuit.state != "closed"]
    engines = offers[target.pool].engines.get(target.model, frozenset()) if open_ones else frozenset()
    return open_ones if engines <= {circuit.engine for circuit in open_ones} else []
