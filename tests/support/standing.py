"""A house that stands for a whole test module: for tests that ask much and break nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.house import House
from tests.support.processes import START, Api, all_ask
from tests.support.valkey import Valkey
from tests.support.waiting import wait_until


@contextmanager
def standing_house(home: Path, valkey: Valkey, **settings: str) -> Iterator[House]:
    """With nobody in it yet, in a pool of its own (`house.env["SLUICE_POOL"]`)."""
    house = House(home, valkey.url, {"SLUICE_POOL": f"test-{secrets.token_hex(4)}", **settings})
    try:
        yield house
    finally:
        house.stop()
        print(house.report())


def wait_ready(api: Api, workers: int = 0) -> None:
    """Block until it is ready and sees this many workers that ask for jobs."""

    def ready() -> bool:
        api.expect_alive()
        try:
            answer = httpx.get(api.url + "/health/detailed")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and all_ask(answer.json()["workers"], workers)

    wait_until(ready, START, f"{api.name} is ready")
