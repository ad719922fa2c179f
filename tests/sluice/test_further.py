"""The further workers of a house: which there are, what environment they get, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ollama_worker.settings import WorkerSettings
from sluice.engine import EngineFound, EngineRefused
from sluice.further import further_workers, pools
from sluice.screen import banner
from sluice.settings import UpSettings
from tests.ollama_worker.fake_anthropic import fake_anthropic
from tests.ollama_worker.fake_openai import fake_openai
from tests.sluice.conftest import Ups
from tests.sluice.test_doctor import Doctor, line
from tests.support.child import free_port

KEYS = {"OPENAI_API_KEY": "key-o", "ANTHROPIC_API_KEY": "key-a", "GOOGLE_API_KEY": "key-g"}


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    return Doctor(tmp_path)


def worker(**changes: Any) -> WorkerSettings:
    """Settings with all keys, as they may be inherited."""
    keys = {"openai_key": "key-o", "anthropic_key": "key-a", "google_key": "key-g"}
    return WorkerSettings(_env_file=None, **{**keys, **changes})


def up(**changes: Any) -> UpSettings:
    return UpSettings(_env_file=None, **changes)


def test_keys_alone_start_no_worker() -> None:
    assert further_workers(up(), worker()) == []
    assert further_workers(up(), worker(openai_url="http://x")) == []


def test_each_named_cloud_and_server_gets_a_worker_in_its_own_pool() -> None:
    named = worker(cloud=("openai", "google"), hf_url="127.0.0.1:8080")
    further = further_workers(up(cloud_slots=3), named)
    assert [further_worker.env for further_worker in further] == [
        {"SLUICE_ENGINE": "hf", "SLUICE_POOL": "hf"},
        {"SLUICE_ENGINE": "cloud", "SLUICE_CLOUD": "openai", "SLUICE_POOL": "openai", "SLUICE_SLOTS": "3"},
        {"SLUICE_ENGINE": "cloud", "SLUICE_CLOUD": "google", "SLUICE_POOL": "google", "SLUICE_SLOTS": "3"},
    ]
    assert pools(up(pool="mine", pools=("mine", "far")), further) == "mine,far,hf,openai,google"


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"cloud": ("google",), "google_key": ""}, "GOOGLE_API_KEY is not set"),
        ({"cloud": ("openai", "google"), "cloud_models": ("m",)}, "say whose each model is"),
        ({"cloud": ("openai", "google"), "engine": "cloud", "cloud_models": ("m",)}, "say whose"),
    ],
)
def test_a_cloud_with_incomplete_settings_is_refused(changes: dict[str, Any], advice: str) -> None:
    with pytest.raises(EngineRefused, match=advice):
        further_workers(up(), worker(**changes))


def test_a_house_whose_own_engine_is_the_cloud_starts_that_cloud_s_worker_once() -> None:
    assert further_workers(up(), worker(engine="cloud", cloud=("openai",))) == []


def test_the_banner_lists_the_further_workers() -> None:
    further = further_workers(up(), worker(cloud=("anthropic",), hf_url="http://user:hunter2@host:8080"))
    shown = banner(up(), EngineFound("simulated", "x"), "redis", "logs", further)
    assert "Also     pool hf: the server at http://host:8080/v1\n" in shown
    assert "         pool anthropic: anthropic's cloud, 8 jobs at once\n" in shown


# As processes


async def test_a_house_starts_its_further_workers_and_names_their_pools_to_the_api(ups: Ups) -> None:
    """The house's own worker does not become a further one, and no further worker becomes the house's own."""
    house = ups(SLUICE_CLOUD="anthropic", HF_LOCAL_HOST=f"127.0.0.1:{free_port()}", **KEYS)
    await house.up()
    await house.workers_listen(3)
    lines = [line for line in house.log_lines() if str(line.get("event", "")).startswith("stand-in")]
    workers = sorted((line["engine"], line["cloud"], line["pool"]) for line in lines if "worker" in line["event"])
    assert workers == [("cloud", "anthropic", "anthropic"), ("hf", "anthropic", "hf"), ("simulated", "anthropic", "")]
    assert [line["pools"] for line in lines if "API" in line["event"]] == ["default,hf,anthropic"]


async def test_keys_that_are_merely_inherited_start_no_worker(ups: Ups) -> None:
    house = ups(**KEYS)
    await house.up()
    await house.workers_listen(1)
    assert len(house.look()) == 6  # API, worker, Valkey, and a guard for each
    assert (await house.wait_for_action("up")).get("pools") is None


async def test_a_cloud_without_its_key_ends_the_start(ups: Ups) -> None:
    house = ups(SLUICE_CLOUD="google")
    house.start()
    assert await house.wait_for_exit(60) == 1
    assert "GOOGLE_API_KEY is not set" in house.tail()


async def test_the_doctor_checks_the_servers_of_the_further_workers(doctor: Doctor) -> None:
    async with fake_openai() as server, fake_anthropic() as cloud:
        cloud.key = "key-a"
        env = {"HF_LOCAL_HOST": server.url, "SLUICE_CLOUD": "anthropic", "SLUICE_ANTHROPIC_URL": cloud.url, **KEYS}
        code, printed = await asyncio.to_thread(lambda: doctor(**env))
        assert code == 0
        assert "models: 1" in line(printed, "Pool hf") and "models: 1" in line(printed, "Pool anthropic")
        assert not any(key in printed for key in KEYS.values())
        code, printed = await asyncio.to_thread(lambda: doctor(**{**env, "ANTHROPIC_API_KEY": "wrong"}))
        assert code == 1
        assert "check ANTHROPIC_API_KEY" in line(printed, "Pool anthropic")


async def test_the_doctor_names_the_missing_key(doctor: Doctor) -> None:
    code, printed = await asyncio.to_thread(lambda: doctor(SLUICE_CLOUD="openai"))
    assert code == 1
    assert "OPENAI_API_KEY is not set" in line(printed, "Clouds")


async def test_the_doctor_knows_a_server_that_speaks_openai_s_protocol(doctor: Doctor) -> None:
    async with fake_openai() as server:
        env = {"SLUICE_ENGINE": "openai", "OPENAI_API_BASE_URL": server.url}
        code, printed = await asyncio.to_thread(lambda: doctor(**env))
        assert code == 0 and line(printed, "Model").startswith("✓")
        code, printed = await asyncio.to_thread(lambda: doctor(**env, MODEL_NAME="other"))
        assert code == 1 and "It has: m" in line(printed, "Model")
    code, printed = await asyncio.to_thread(lambda: doctor(**env))
    assert code == 1 and "correct OPENAI_API_BASE_URL" in line(printed, "Engine")
