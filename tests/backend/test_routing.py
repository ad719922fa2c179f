"""Where a job goes, by what is known of the pools: names, strategies, capabilities, circuits, overflow."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from backend.errors import NotFound, TooLarge, Unsupported
from backend.pool.expected import STARTING_SECONDS, UNMEASURED_SECONDS, Expected, expected, next_place
from backend.pool.look import Look, Looks, PoolLook
from backend.pool.models.catalogue import Catalogue
from backend.pool.models.names import Models, meaning
from backend.routing.affinity import affinity_of
from backend.routing.breakers import Breakers
from backend.routing.route import Route, reachable
from backend.routing.router import Router
from backend.routing.strategies import Candidate, Strategies
from backend.rules import Rules
from backend.settings import ApiSettings
from wire.circuits import Circuit, circuit_name
from wire.records import ANY_MODEL, JobRequest, Message, Target
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord

Parts = tuple[Looks, Catalogue, Rules]


def worker(
    *models: str, slots: int = 1, owned: int = 0, asking: bool = True, seconds: float = 0.0, engine: str = "ollama",
    **about: Any,
) -> WorkerRecord:  # fmt: skip
    info = WorkerInfo(engine, {name: about for name in models}, job_seconds=seconds)
    return WorkerRecord("w", 1, slots, owned, asking, 0, 0, info)


def seen(
    *workers: WorkerRecord, waiting: int = 0, had: tuple[str, ...] = (), circuits: tuple[Circuit, ...] = ()
) -> PoolLook:
    return PoolLook(
        list(workers),
        seen={name: {} for name in had},
        waiting={"interactive": waiting, "batch": 0},
        circuits={circuit_name(circuit.engine, circuit.model): circuit for circuit in circuits},
    )


class Fixed(Looks):
    """One look, for ever."""

    def __init__(self, pools: dict[str, PoolLook]) -> None:
        self.look = Look(pools)

    async def newest(self, anew: bool = False) -> Look:
        return self.look


class Nobody(Breakers):
    """No circuit has been open for long enough to be tried; `tries`: those that may be."""

    def __init__(self, *tries: Target) -> None:
        self._tries = tries
        self.probes = 0

    async def may_try(self, target: Target, broken: list[Circuit]) -> bool:
        self.probes += 1
        return target in self._tries


def parts(pools: dict[str, PoolLook], rules: dict[str, Any] | None = None, **settings: str) -> Parts:
    own, *others = pools
    read, fixed = Rules.model_validate(rules or {}), Fixed(pools)
    own_settings = ApiSettings(SLUICE_POOL=own, SLUICE_POOLS=",".join(others), _env_file=None, **settings)  # type: ignore[arg-type]
    catalogue = Catalogue(fixed, own_settings)
    catalogue.aliases = read.aliases
    return fixed, catalogue, read


def router(pools: dict[str, PoolLook], rules: dict[str, Any] | None = None, *tries: Target, **settings: str) -> Router:
    return Router(*parts(pools, rules, **settings), Nobody(*tries))


def chat(model: str = "m", **more: Any) -> JobRequest:
    return JobRequest(model=model, messages=(Message(role="user", content="hello"),), **more)


async def pools(router: Router, times: int, request: JobRequest | None = None) -> list[str]:
    """The pools of so many jobs, in the order of their submission."""
    gone = []
    for _ in range(times):
        route = await router.route(request or chat())
        router.sent(route)
        gone.append(route.pool)
    return gone


# -- names -------------------------------------------------------------------------------------------------------
OFFERS = {
    "default": Models({"m:latest": {}}, {"m:latest": {}, "old": {}}, {"m:latest": frozenset({"ollama"})}),
    "openai": Models({}, {"gpt": {}, "m:latest": {}}, {}),
    "hf": Models({"org/m": {}}, {"org/m": {}}, {"org/m": frozenset({"vllm"})}),
}


@pytest.mark.parametrize(
    ("name", "targets", "placed"),
    [
        ("m", ["default m:latest", "openai m:latest"], False),
        ("m:latest", ["default m:latest", "openai m:latest"], False),
        ("old", ["default old"], False),
        ("openai/gpt", ["openai gpt"], True),
        ("openai/m", ["openai m:latest"], True),
        ("ollama/m", ["default m:latest"], True),
        ("org/m", ["hf org/m"], False),
        ("vllm/org/m", ["hf org/m"], True),
        ("hf/org/m", ["hf org/m"], True),
        ("ollama/gpt", None, False),
        ("default/gpt", None, False),
        ("nobody/m", None, False),
        ("/m", None, False),
        ("openai/", ["openai gpt"], True),
        ("ollama/", ["default m:latest"], True),
        ("vllm/", ["hf org/m"], True),
        ("hf/", ["hf org/m"], True),
        ("m/", None, False),
        ("/", None, False),
    ],
)
def test_a_name_means_a_model_in_the_pools_that_offer_it(name: str, targets: list[str] | None, placed: bool) -> None:
    meant = meaning(name, OFFERS, {})
    assert (meant and [f"{target.pool} {target.model}" for target in meant.targets]) == targets
    assert meant is None or (meant.placed, meant.alias) == (placed, "")


def test_an_alias_is_stronger_than_a_model_s_own_name_unless_no_pool_has_its_model() -> None:
    aliased = meaning("gpt", OFFERS, {"gpt": "m"})
    assert aliased is not None and (aliased.model, aliased.alias) == ("m:latest", "gpt")
    placed = meaning("fast", OFFERS, {"fast": "openai/gpt"})
    assert placed is not None and (placed.model, placed.alias, placed.placed) == ("gpt", "fast", True)
    within = meaning("openai/quick", OFFERS, {"quick": "gpt"})
    assert within is not None and (within.targets[0], within.alias) == (Target(pool="openai", model="gpt"), "quick")
    dead = meaning("gpt", OFFERS, {"gpt": "gone"})
    assert dead is not None and (dead.model, dead.alias) == ("gpt", "")


async def test_a_provider_alone_is_the_default_model_there_or_the_first_that_chats() -> None:
    embedding = worker("e", engine="vllm", capabilities=["embedding"])
    pools = {"own": seen(worker("a", "m", engine="ollama")), "far": seen(embedding, worker("b", engine="vllm"))}
    routes = router(pools, MODEL_NAME="m")
    for name, model in (("own/", "m"), ("ollama/", "m"), ("far/", "b"), ("vllm/", "b")):
        route = await routes.route(chat(name))
        assert (route.model, route.by) == (model, "name"), name
    with pytest.raises(NotFound):
        await routes.route(chat("nobody/"))


async def test_an_unknown_name_is_refused_with_the_names_that_are_known() -> None:
    with pytest.raises(NotFound, match=r"no model 'nope' here \(there are: m\)"):
        await router({"one": seen(worker("m"))}).route(chat("nope"))


async def test_no_name_is_the_default_model_wherever_it_is() -> None:
    two = {"one": seen(), "two": seen(worker("m"))}
    assert (await router(two, MODEL_NAME="m").route(chat(""))).pool == "two"
    assert (await router({"one": seen(worker("m"))}).route(chat(""))).model == "m"
    placed = await router({"one": seen(), "two": seen()}, MODEL_NAME="two/m").route(chat(""))
    assert placed.targets == (Target(pool="two", model="m"),)


async def test_no_name_is_a_model_that_is_there_where_no_worker_has_the_usual_one() -> None:
    vectors = worker("e", capabilities=["embedding"])
    assert (await router({"one": seen(vectors, worker("late"))}).route(chat(""))).targets == (
        Target(pool="one", model="late"),
    )
    asleep = await router({"one": seen(had=("seen",))}).route(chat(""))
    assert asleep.targets == (Target(pool="one", model="seen"),)
    named = await router({"one": seen(worker("late"))}, MODEL_NAME="mine").route(chat(""))
    assert named.targets == (Target(pool="one", model="mine"),)


async def test_no_name_leaves_the_house_for_no_cloud() -> None:
    """Where the own pool's engine is still away, too: then the job waits for it."""
    cloud = seen(worker("gpt", engine="openai"))
    away = await router({"own": seen(), "openai": cloud}).route(chat(""))
    assert away.targets == (Target(pool="own", model="qwen2.5:0.5b"), Target(pool="own", model=ANY_MODEL))
    late = await router({"own": seen(worker("late")), "openai": cloud}).route(chat(""))
    assert late.targets == (Target(pool="own", model="late"),)
    near = await router({"own": seen(), "big": seen(worker("m70", engine="vllm"))}).route(chat(""))
    assert near.targets == (Target(pool="big", model="m70"),)
    named = await router({"own": seen(), "openai": cloud}, MODEL_NAME="gpt").route(chat(""))
    assert named.pool == "openai"


async def test_no_name_before_any_model_is_known_leaves_the_choice_to_the_worker() -> None:
    route = await router({"one": seen()}).route(chat(""))
    assert route.targets == (Target(pool="one", model="qwen2.5:0.5b"), Target(pool="one", model=ANY_MODEL))
    named = await router({"one": seen()}).route(chat("qwen2.5:0.5b"))
    assert named.targets == (Target(pool="one", model="qwen2.5:0.5b"),)


# -- strategies --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("pool", "sent", "wait"),
    [
        (seen(worker(slots=2, seconds=4)), 0, 0),
        (seen(worker(slots=2, owned=1, seconds=4)), 0, 0),
        (seen(worker(slots=2, owned=1, seconds=4)), 1, 4),
        (seen(worker(slots=2, owned=2, seconds=4)), 0, 4),
        (seen(worker(slots=2, owned=2, seconds=4), waiting=2), 0, 8),
        (seen(worker(slots=1, owned=1, seconds=2), worker(slots=1, owned=1, seconds=4)), 0, 3),
        (seen(worker(slots=1, owned=1)), 0, UNMEASURED_SECONDS),
        (seen(), 0, STARTING_SECONDS),
        (seen(waiting=2), 1, STARTING_SECONDS + 3 * UNMEASURED_SECONDS),
        (seen(worker(slots=4, asking=False)), 0, STARTING_SECONDS),
    ],
)
def test_a_wait_is_made_of_free_slots_then_of_rounds_of_the_jobs_ahead(pool: PoolLook, sent: int, wait: float) -> None:
    assert expected(pool, next_place(pool, sent, "interactive")).wait == wait


def test_a_batch_waits_behind_both_classes() -> None:
    busy = PoolLook([worker(owned=1, seconds=1)], waiting={"interactive": 2, "batch": 3})
    interactive, batch = next_place(busy, 0, "interactive"), next_place(busy, 0, "batch")
    assert (expected(busy, interactive).wait, expected(busy, batch).wait) == (3, 6)


async def test_least_wait_fills_free_slots_and_goes_where_the_queue_is_shorter() -> None:
    two = {"one": seen(worker("m", slots=2, seconds=2)), "two": seen(worker("m", slots=4, seconds=2))}
    assert Counter(await pools(router(two), 6)) == {"one": 2, "two": 4}
    busy = {"one": seen(worker("m", owned=1), waiting=3), "two": seen(worker("m", owned=1))}
    assert await pools(router(busy), 3) == ["two"] * 3


async def test_a_pool_at_zero_is_woken_only_for_a_longer_wait_than_its_start() -> None:
    short = {"one": seen(had=("m",)), "two": seen(worker("m", owned=1, seconds=30))}
    assert await pools(router(short), 2) == ["two", "one"]  # 30 s; then 60 s either way, and nothing is on a slot there


async def test_round_robin_goes_in_turn_and_past_pools_at_zero() -> None:
    three = {"one": seen(worker("m")), "two": seen(worker("m", owned=1)), "zero": seen(had=("m",))}
    rules = {"routing": {"strategy": "round-robin"}}
    assert await pools(router(three, rules), 5) == ["one", "two", "one", "two", "one"]
    cold = {"one": seen(had=("m",)), "two": seen(had=("m",))}
    assert await pools(router(cold, rules), 3) == ["one", "two", "one"]


async def test_weighted_spreads_by_weight_and_evenly() -> None:
    three = {name: seen(worker("m")) for name in ("one", "two", "three")}
    rules = {"models": {"m": {"strategy": "weighted"}}, "pools": {"one": {"weight": 5}}}
    assert await pools(router(three, rules), 7) == ["one", "one", "two", "one", "three", "one", "one"]
    halves = {"pools": {"one": {"weight": 0.5}}, "routing": {"strategy": "weighted"}}
    assert Counter(await pools(router({"one": three["one"], "two": three["two"]}, halves), 6)) == {"one": 2, "two": 4}


async def test_fastest_goes_where_jobs_take_least_time_and_tries_pools_that_were_not_measured() -> None:
    rules = {"routing": {"strategy": "fastest"}}
    two = {"one": seen(worker("m", seconds=5)), "two": seen(worker("m", seconds=2, owned=1)), "zero": seen(had=("m",))}
    assert await pools(router(two, rules), 2) == ["two", "two"]
    assert (await pools(router({**two, "new": seen(worker("m"))}, rules), 1)) == ["new"]


def test_a_pool_that_is_alone_has_no_turn_to_lose() -> None:
    strategies, waits = Strategies(), Expected(0, 0, 0, live=True)
    one, two = (Candidate(Target(pool=pool, model="m"), waits) for pool in ("one", "two"))
    assert strategies.rank("round-robin", "m", [one]) == [one]
    assert strategies.rank("round-robin", "m", [one, two]) == [one, two]
    assert strategies.rank("round-robin", "m", [one, two]) == [two, one]
    assert strategies.rank("round-robin", "other", [one, two]) == [one, two]


# -- what a model can --------------------------------------------------------------------------------------------
CAN = {"blind": ["completion"], "sees": ["completion", "vision"], "all": ["completion", "vision", "tools", "thinking"]}
SIGHT = Message(role="user", content="?", images=("aGk=",))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            JobRequest(model="blind", messages=(SIGHT,)),
            r"'blind' cannot see images; here all \(ollama\), sees \(ollama\)",
        ),
        (chat("sees", tools=({"type": "function"},)), r"'sees' cannot call tools; here all \(ollama\) can"),
        (chat("blind", think=True), r"'blind' cannot think; here all \(ollama\) can"),
        (chat("blind", think="high"), "cannot think"),
        (JobRequest(model="blind", kind="embed", inputs=("a",)), "cannot make vectors; no model here can"),
        (JobRequest(model="all", kind="generate", prompt="a", suffix="b"), "cannot fill in text"),
    ],
)
async def test_a_need_that_a_model_lacks_is_refused_with_the_names_of_models_that_have_it(
    ask: JobRequest, message: str
) -> None:
    one = seen(*(worker(name, capabilities=able) for name, able in CAN.items()))
    with pytest.raises(Unsupported, match=message):
        await router({"one": one}).route(ask)


async def test_the_engine_decides_of_a_model_of_which_nothing_is_known() -> None:
    one = {"one": seen(worker("m"), had=("old",))}
    for model in ("m", "old"):
        await router(one).route(chat(model, think=True, tools=({"type": "function"},)))
    able = {"one": seen(worker("m", capabilities=["completion"]))}
    await router(able).route(chat(think=False, tools=({"type": "function"},), tool_choice="none"))
    await router(able).route(JobRequest(model="m", kind="count"))


async def test_a_pool_whose_model_cannot_is_left_out() -> None:
    two = {
        "one": seen(worker("m", capabilities=["completion"])),
        "two": seen(worker("m", owned=1, capabilities=CAN["all"])),
    }
    assert await pools(router(two), 1, chat(think=True)) == ["two"]


async def test_only_a_prompt_that_cannot_fit_is_refused_before_it_is_accepted() -> None:
    one = {"one": seen(worker("m", context_length=10))}
    await router(one).route(JobRequest(model="m", messages=(Message(role="user", content="x" * 160),)))
    long = JobRequest(model="m", messages=(Message(role="user", content="ä" * 81),))
    with pytest.raises(TooLarge, match="162 bytes cannot fit the 10 tokens") as error:
        await router(one).route(long)
    assert (error.value.status, error.value.code) == (413, "context_too_long")
    await router(one).route(long, trimmed=True)
    with pytest.raises(TooLarge):
        await router(one).route(JobRequest(model="m", kind="generate", prompt="x" * 161))


async def test_a_prompt_goes_only_where_it_can_be_read() -> None:
    small, large = worker("m", context_length=10), worker("m", "n", owned=1, context_length=100)
    spare = {"s": {"context_length": 10}}
    three = {
        "one": seen(small),
        "two": seen(large),
        "three": seen(WorkerRecord("w", 1, 1, 0, True, 0, 0, WorkerInfo("", spare))),
    }
    overflow = {"after_seconds": 0.1, "to": "s", "always": True}
    rules = {"models": {"m": {"fallback": ["s", "n"], "overflow": overflow}}}
    for length, taken in ((160, ["one/m", "two/m", "three/s", "two/n"]), (161, ["two/m", "two/n"])):
        request = JobRequest(model="m", messages=(Message(role="user", content="x" * length),))
        route = await router(three, rules).route(request)
        assert [f"{target.pool}/{target.model}" for target in route.targets] == taken
    long = JobRequest(model="m", messages=(Message(role="user", content="x" * 1601),))
    with pytest.raises(TooLarge, match="1,601 bytes cannot fit the 100 tokens that 'm' can read"):
        await router(three, rules).route(long)


# -- fallback, circuits, overflow --------------------------------------------------------------------------------
def open_circuit(model: str = "m", engine: str = "ollama", state: Any = "open") -> Circuit:
    return Circuit(engine, model, state, 5, 1, 0, "engine_unavailable")


def names(route: Route) -> list[str]:
    return [f"{target.pool}/{target.model}" for target in reachable(route.targets)]


async def test_behind_the_first_choice_come_the_other_pools_that_live_and_then_the_fallbacks() -> None:
    four = {
        "one": seen(worker("m", "spare")),
        "two": seen(worker("m", owned=1)),
        "zero": seen(had=("m",)),
        "cloud": seen(worker("gpt")),
    }
    rules = {"models": {"m": {"fallback": ["nobody/has", "cloud/gpt", "one/spare", "gone"]}}}
    route = await router(four, rules).route(chat())
    assert names(route) == ["one/m", "two/m", "cloud/gpt"]  # never back into `one`
    ask = route.of(chat())
    assert (ask.model, [target.pool for target in ask.fallback]) == ("m", ["two", "cloud"])
    named = await router(four, rules).route(chat("two/m"))
    assert (names(named), named.by) == (["two/m", "cloud/gpt", "one/spare"], "name")


async def test_vectors_are_of_the_requested_model() -> None:
    """Another model's lie in another space: what compares them would not notice."""
    two = {
        "one": seen(worker("m", "spare"), waiting=90),
        "two": seen(worker("m", owned=1)),
        "cloud": seen(worker("gpt")),
    }
    overflow = {"after_seconds": 1, "to": "cloud/gpt", "always": True}
    rules = {"models": {"m": {"fallback": ["spare"], "overflow": overflow}}}
    wanted = JobRequest(kind="embed", model="m", inputs=("a",))
    assert sorted(names(await router(two, rules).route(wanted))) == ["one/m", "two/m"]


async def test_a_fallback_in_the_same_pool_is_before_a_fallback_elsewhere_as_in_the_file() -> None:
    two = {"one": seen(worker("m", "spare")), "cloud": seen(worker("gpt"))}
    rules = {"models": {"m": {"fallback": ["spare", "gpt"]}}}
    assert names(await router(two, rules).route(chat())) == ["one/m", "one/spare", "cloud/gpt"]


@pytest.mark.parametrize("kind", ["embed", "count"])
async def test_vectors_and_counts_are_of_the_requested_model_and_of_no_other(kind: Any) -> None:
    two = {"one": seen(worker("m", owned=1, seconds=30)), "two": seen(worker("gpt"))}
    rules = {"models": {"m": {"fallback": ["gpt"], "overflow": {"after_seconds": 1, "to": "gpt", "always": True}}}}
    assert names(await router(two, rules).route(JobRequest(model="m", kind=kind))) == ["one/m"]
    assert names(await router(two, rules).route(chat()))[0] == "two/gpt"


@pytest.mark.parametrize("state", ["open", "half_open"])
async def test_an_open_circuit_is_gone_around_while_there_is_another_way(state: str) -> None:
    two = {"one": seen(worker("m"), circuits=(open_circuit(state=state),)), "two": seen(worker("m", owned=1))}
    assert await pools(router(two), 2) == ["two", "two"]
    rules = {"models": {"m": {"fallback": ["spare"]}}}
    spared = {"one": seen(worker("m", "spare"), circuits=(open_circuit(state=state),))}
    route = await router(spared, rules).route(chat())
    assert (names(route), route.marks) == (["one/spare"], ("fallback",))


async def test_without_another_way_an_open_circuit_refuses_nothing() -> None:
    alone = {"one": seen(worker("m"), circuits=(open_circuit(),))}
    nobody = Nobody()
    assert names(await Router(*parts(alone), nobody).route(chat())) == ["one/m"]
    assert not nobody.probes  # every job that goes there tries it
    both = {pool: seen(worker("m"), circuits=(open_circuit(),)) for pool in ("one", "two")}
    assert names(await router(both).route(chat())) == ["one/m", "two/m"]


async def test_a_circuit_is_of_one_engine_and_one_model_and_closed_circuits_count_as_none() -> None:
    def first(*circuits: Circuit, engines: tuple[str, ...] = ("ollama",)) -> dict[str, PoolLook]:
        return {
            "one": seen(*(worker("m", engine=engine) for engine in engines), circuits=circuits),
            "two": seen(worker("m", owned=1)),
        }

    assert await pools(router(first(open_circuit("other"))), 1) == ["one"]
    assert await pools(router(first(open_circuit(state="closed"))), 1) == ["one"]
    assert await pools(router(first(open_circuit(engine="vllm"))), 1) == ["one"]
    assert await pools(router(first(open_circuit(), engines=("ollama", "vllm"))), 1) == ["one"]
    assert await pools(router(first(open_circuit(), open_circuit(engine="vllm"), engines=("ollama", "vllm"))), 1) == [
        "two"
    ]


async def test_a_job_that_may_try_an_open_circuit_tries_it_with_the_other_targets_behind_it() -> None:
    two = {"one": seen(worker("m"), circuits=(open_circuit(),)), "two": seen(worker("m"))}
    route = await router(two, None, Target(pool="one", model="m")).route(chat())
    assert names(route) == ["one/m", "two/m"]


OVERFLOW = {"models": {"m": {"overflow": {"after_seconds": 20, "to": "cloud/gpt"}}}}
BUSY = seen(worker("m", owned=1, seconds=10), waiting=2)  # 30 s


async def test_overflow_is_for_callers_who_allow_it_and_would_wait_longer() -> None:
    busy = {"one": BUSY, "cloud": seen(worker("gpt"))}
    assert names(await router(busy, OVERFLOW).route(chat())) == ["one/m"]
    allowed = await router(busy, OVERFLOW).route(chat(), overflow=True)
    assert (names(allowed), allowed.marks) == (["cloud/gpt", "one/m"], ("overflow",))
    short = {**busy, "one": seen(worker("m", owned=1, seconds=10), waiting=1)}  # 20 s
    assert names(await router(short, OVERFLOW).route(chat(), overflow=True)) == ["one/m"]
    always = {"models": {"m": {"overflow": {"after_seconds": 20, "to": "cloud/gpt", "always": True}}}}
    assert (await router(busy, always).route(chat())).pool == "cloud"
    assert (await router(busy).route(chat(), overflow=True)).pool == "one"


async def test_overflow_goes_nowhere_where_it_would_wait_as_long_or_meet_trouble() -> None:
    later = {"one": BUSY, "cloud": seen(had=("gpt",))}
    assert (await router(later, OVERFLOW).route(chat(), overflow=True)).pool == "one"
    trouble = {"one": BUSY, "cloud": seen(worker("gpt"), circuits=(open_circuit("gpt"),))}
    assert (await router(trouble, OVERFLOW).route(chat(), overflow=True)).pool == "one"
    missing = {"one": BUSY, "cloud": seen()}
    assert (await router(missing, OVERFLOW).route(chat(), overflow=True)).pool == "one"


# -- the route's header, and conversations -----------------------------------------------------------------------
def test_a_route_fits_one_header_whatever_its_names_are() -> None:
    route = Route((Target(pool="default", model="qwen2.5:0.5b"),), "least-wait")
    assert route.header("warm") == "pool=default; model=qwen2.5:0.5b; by=least-wait; worker=warm"
    odd = Route((Target(pool="p", model="hf.co/ü;x=1\r\n"),), "name", ("overflow", "alias=a;b"))
    assert odd.header("") == "pool=p; model=hf.co/%C3%BC%3Bx%3D1%0D%0A; by=name; overflow; alias=a%3Bb"


def test_a_route_whose_pool_was_settled_before_goes_there() -> None:
    two = (Target(pool="one", model="m"), Target(pool="two", model="m:latest"))
    assert Route(two, "least-wait").into("one").targets == two
    assert Route(two, "least-wait").into("two").targets == two[1:]
    assert Route(two, "least-wait").into("elsewhere").targets == (Target(pool="elsewhere", model="m"),)


def test_a_conversation_is_known_by_its_name_or_by_how_it_begins() -> None:
    def talk(*contents: str, role: str = "user") -> JobRequest:
        messages = [Message(role="user", content=content) for content in contents]
        return JobRequest(model="m", messages=(Message(role="system", content="be kind"), *messages))

    assert affinity_of(talk("a"), "") == affinity_of(talk("a", "b", "c"), "")
    assert affinity_of(talk("a"), "") != affinity_of(talk("b"), "")
    assert affinity_of(talk("a"), "mine") == affinity_of(talk("b"), "mine") != affinity_of(talk("a"), "")
    assert affinity_of(JobRequest(model="m", kind="embed", inputs=("a",)), "mine") == ""
