"""Each client test runs once for each engine: what a test needs of a model decides which engines it runs on.

By default the scripted engine, once behind Ollama's protocol and once behind OpenAI's; `@pytest.mark.any_model` is for
tests that a tiny model with random weights passes too: llama.cpp in the worker, and a real Ollama where there is one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clients.langchain_deselected import reason_for
from tests.clients.served import Served, serving
from tests.support.engines import REAL, SCRIPTED
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey

HERE = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" not in metafunc.fixturenames:
        return
    only = metafunc.definition.get_closest_marker("engines")
    names = only.args if only else SCRIPTED
    if metafunc.definition.get_closest_marker("any_model"):
        names = (*names, *REAL)
    params = [pytest.param(name, marks=pytest.mark.real_ollama if name == "real-ollama" else ()) for name in names]
    metafunc.parametrize("engine", params)


class Street:
    """The houses of a session, a house an engine, built when first needed."""

    def __init__(self, valkey: Valkey, folders: pytest.TempPathFactory) -> None:
        self._valkey = valkey
        self._folders = folders
        self._stack = ExitStack()
        self._built: dict[str, Served] = {}

    def house_of(self, engine: str) -> Served:
        if engine not in self._built:
            home = self._folders.mktemp(f"served-{engine}")
            self._built[engine] = self._stack.enter_context(serving(engine, home, self._valkey))
        return self._built[engine]

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def street(kept_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    street = Street(kept_valkey, tmp_path_factory)
    yield street
    street.close()


@pytest.fixture
def served(engine: str, street: Street) -> Served:
    return street.house_of(engine)


@pytest.fixture
async def truth(served: Served) -> AsyncIterator[Truth]:
    async with truth_of(served.house.redis_url, served.house.pool) as truth:
        yield truth


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Takes out the standard tests that are listed with a reason."""
    kept, out = [], []
    for item in items:
        suite = getattr(item, "cls", None)
        name = getattr(item, "originalname", item.name)
        left_out = item.path.parent == HERE and suite and reason_for(suite.__name__, name)
        (out if left_out else kept).append(item)
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = kept
