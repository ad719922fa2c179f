"""What a wish becomes before it is let in: a route, a name, and the request as its first worker gets it."""

from __future__ import annotations

from typing import NamedTuple

from backend.chat.naming import Named, Naming
from backend.chat.submission import Submission
from backend.pool.pools import Pools
from backend.routing.affinity import affinity_of
from backend.routing.route import Route, joined
from backend.routing.router import Router, Wanted
from wire.records import Target


class Ready(NamedTuple):
    wish: Submission
    route: Route
    named: Named


class Preparing:
    def __init__(self, pools: Pools, router: Router, naming: Naming) -> None:
        self._pools = pools
        self._router = router
        self._naming = naming

    async def prepare(self, wish: Submission) -> Ready:
        """Raises ApiError for what cannot be let in at all."""
        route = await self._router.route(Wanted(wish.request, wish.cls, wish.overflow, wish.trimmed))
        named = await self._naming.name(wish, self._pools.named(route.pool))
        if named.found is not None:
            route = joined(Target(pool=named.found.pool.name, model=named.found.record.model))
        else:
            route = route.into(named.pool.name)
        affinity = affinity_of(wish.request, wish.conversation) if wish.cls == "interactive" else ""
        request = route.of(wish.request).model_copy(update={"affinity": affinity})
        return Ready(wish._replace(request=request), route, named)

    def sent(self, route: Route) -> None:
        self._router.sent(route)
