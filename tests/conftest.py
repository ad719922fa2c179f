"""Fixtures of all tests: one Valkey for each pytest process (so xdist works), and houses of real processes on it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from redis.asyncio import Redis

from backend.store.migrate import migrate
from tests.support import httpx_clients
from tests.support.house import PROMPT, House, Houses, MakesHouse
from tests.support.listener import PATIENCE
from tests.support.postgres import Postgres, run_apart
from tests.support.truth import Truth, truth_of
from tests.support.valkey import Valkey, client_of

pytest_plugins = ("tests.support.features", "tests.support.quick", "tests.support.suites")

# Its 200 ms for an example are a limit on this machine's load, and no property of ours.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
httpx_clients.make_patient()
httpx_clients.share_certificates()
HERE = Path(__file__).parent

# The folders with the longest files, longest first: they are begun first, so that no process is left alone with one.
LONG = ("wire", "cluster", "images", "browser", "flow", "clients", "sluice", "fuzz", "deploy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort long files first; xdist hands files out in this order."""
    items.sort(key=lambda item: [*LONG, folder_of(item)].index(folder_of(item)))


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0]


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """The server that most tests share: in memory only, never killed by a test."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(shared_valkey: Valkey) -> Valkey:
    """The shared server, with no key in it."""
    shared_valkey.flush()
    return shared_valkey


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    """A patient client of the empty server."""
    async with client_of(valkey.url) as redis:
        yield redis


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty server."""
    return valkey.url


@pytest.fixture(scope="session")
def kept_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A server that no test empties: houses that outlive a test stand on it, each in a pool of its own."""
    server = Valkey(tmp_path_factory.mktemp("kept-valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def fresh_valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A durable server (append-only file) of this test's own, to kill, pause and start again."""
    server = Valkey(tmp_path / "valkey", appendonly=True)
    server.start()
    yield server
    server.stop()
    print(server.tail())


@pytest.fixture
def pool() -> str:
    """The name of a pool that no other test uses."""
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture
def house(valkey: Valkey, tmp_path: Path) -> Iterator[Houses]:
    """`await house(apis=1, workers=1, SLUICE_SLOTS="4")` → a `House` that is ready; all of it ends with the test."""
    with Houses(tmp_path, valkey) as houses:
        yield houses


@pytest.fixture
def durable_house(fresh_valkey: Valkey, tmp_path: Path) -> Iterator[Houses]:
    """As `house`, on a durable server of this test's own, which may go away: callers are answered as in production."""
    with Houses(tmp_path, fresh_valkey, PROMPT) as houses:
        yield houses


@pytest.fixture(scope="module")
def module_house(kept_valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakesHouse]:
    """`module_house(workers=2, SLUICE_SLOTS="4")` → a `House` that is ready, in a pool of its own, and ends with the
    module: for tests that break nothing of it. A module calls its own fixture of it `home`."""
    with Houses(tmp_path_factory.mktemp("houses"), kept_valkey) as houses:
        yield houses.standing


@pytest.fixture
async def truth(home: House) -> AsyncIterator[Truth]:
    """What Redis knows of the module's house."""
    async with truth_of(home.redis_url, home.pool) as truth:
        yield truth


@pytest.fixture
async def plain(home: House) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client of the module's house."""
    async with httpx.AsyncClient(base_url=home.url, timeout=PATIENCE) as client:
        yield client


@pytest.fixture
def client(plain: httpx.AsyncClient) -> httpx.AsyncClient:
    """What a module's tests send their requests by: the plain one, where the module has no library's client instead."""
    return plain


@pytest.fixture
async def durable_truth(fresh_valkey: Valkey) -> AsyncIterator[Truth]:
    """The default pool on that server."""
    async with truth_of(fresh_valkey.url) as truth:
        yield truth


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[Postgres]:
    """The PostgreSQL that tests share, a database each."""
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without a table, of this test's own; the test runs on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.db"
    server: Postgres = request.getfixturevalue("shared_postgres")
    return server.new_database()


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """The URL of such a database with the newest schema."""
    run_apart(lambda: migrate(empty_database_url))
    return empty_database_url
