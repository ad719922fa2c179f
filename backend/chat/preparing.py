"""What a wish becomes before it is let in: a route, a name, and the request as its first worker gets it."""

from __future__ import annotations

from typing import NamedTuple

from backend.chat.answers import Answers
from backend.chat.naming import Named, Naming
from backend.chat.submission import Submission
from backend.pool.pools import Found, Pools
from backend.routing.affinity import affinity_of
from backend.routing.route import Route, joined
from backend.routing.router import Router, Wanted
from wire.records import Target


class Ready(NamedTuple):
    """`answer`: what names its answer in the cache, "" where its caller allows none from there."""

    wish: Submission
    route: Route
    named: Named
    answer: str = ""


class Preparing:
    def __init__(self, pools: Pools, router: Router, naming: Naming, answers: Answers) -> None:
        self._pools = pools
        self._router = router
        self._naming = naming
        self._answers = answers

    async def prepare(self, wish: Submission) -> Ready:
        """Raises ApiError for what cannot be let in at all."""
        route = await self._router.route(Wanted(wish.request, wish.cls, wish.overflow, wish.trimmed))
        answer = self._answers.key(wish, route)
        if answer and (kept := await self._answers.find(answer, wish, route.model)):
            return Ready(wish, _joined(kept, "cache"), Named(kept.record.id, kept.pool, False, kept), answer)
        named = await self._naming.name(wish, self._pools.named(route.pool))
        if named.found is not None:
            route = _joined(named.found, "join")
        else:
            route = route.into(named.pool.name)
        affinity = affinity_of(wish.request, wish.conversation) if wish.cls == "interactive" else ""
        request = route.of(wish.request).model_copy(update={"affinity": affinity})
        return Ready(wish._replace(request=request), route, named, answer)

    async def sent(self, ready: Ready) -> None:
        """It was let in."""
        self._router.sent(ready.route)
        if ready.answer:
            await self._answers.keep(ready.answer, ready.named.job, ready.wish)


def _joined(found: Found, by: str) -> Route:
    return joined(Target(pool=found.pool.name, model=found.record.model))._replace(by=by)
