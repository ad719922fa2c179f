"""Two thousand generated requests, the same in every run; `python -m tests.fuzz` sends a hundred thousand others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fuzz.campaign import Campaign
from tests.fuzz.house import fuzzed_house
from tests.fuzz.verdict import Wrong, check
from tests.support.engines import SCRIPTED

SHAPES, DOCUMENTED = 540, 380  # the shapes are sent to three engines: two thousand together


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with fuzzed_house(tmp_path_factory.mktemp("fuzz")) as fuzzed:
        yield Campaign(fuzzed)


@pytest.mark.timeout(300)
def test_bent_requests_cost_no_more_than_an_error(campaign: Campaign) -> None:
    campaign.shapes(SHAPES)
    campaign.chats_still()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("engine", "seed"), list(zip(SCRIPTED, (1, 2), strict=True)))
def test_bent_requests_cost_no_more_behind_engines_of_another_protocol(tmp_path: Path, engine: str, seed: int) -> None:
    """An engine's refusals cost no more either: their errors are not those of the simulated engine."""
    with fuzzed_house(tmp_path, engine) as fuzzed:
        campaign = Campaign(fuzzed, seed)
        campaign.shapes(SHAPES)
        campaign.chats_still()


@pytest.mark.timeout(300)
def test_what_the_document_allows_and_forbids_costs_no_more_than_an_error(campaign: Campaign) -> None:
    campaign.documented(DOCUMENTED)
    campaign.chats_still()


@pytest.mark.parametrize("schema", [{"minimum": [1]}, {"minLength": "long"}, {"pattern": 5}, {"maxItems": -1}], ids=str)
def test_faults_of_earlier_campaigns_stay_refused(campaign: Campaign, schema: dict[str, Any]) -> None:
    """A bound that is no number was accepted, and the worker failed over it."""
    wanted = {"type": "object", "properties": {"a": {"type": "integer", **schema}}}
    body = {"messages": [{"role": "user", "content": "hi"}], "format": wanted, "stream": False}
    answer = httpx.post(f"{campaign.url}/api/chat", json=body, timeout=20)
    assert (answer.status_code, "properties.a" in answer.json()["error"]) == (400, True)


def test_a_bound_beyond_64_bits_is_kept_to_as_far_as_it_goes(campaign: Campaign) -> None:
    """Such a bound has no place in our JSON, and the worker failed over it."""
    wanted = {"type": "object", "properties": {"a": {"type": "integer", "minimum": -(10**20)}}}
    body = {"messages": [{"role": "user", "content": "hi"}], "format": wanted, "stream": False}
    assert httpx.post(f"{campaign.url}/api/chat", json=body, timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/v1/chat/completions", 500, b'{"error": {}}'),
        ("/v1/chat/completions", 400, b'{"error": "text"}'),
        ("/v1/messages", 400, b'{"error": {"message": "m", "type": "t", "param": null, "code": "c"}}'),
        ("/api/chat", 400, b'{"error": {"message": "m", "code": "c"}}'),
        ("/api/threads", 422, b"<html>"),
        ("/v1/responses", 200, b'data: {"type": "error", "code": "internal_error"}\n\n'),
    ],
)
def test_a_wrong_answer_is_seen(path: str, status: int, body: bytes) -> None:
    with pytest.raises(Wrong):
        check(path, status, "text/event-stream", body)
