"""The caller that is found at the entrance is the caller of every job that a request submits."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Receive, Scope, Send

from backend.accounts import caller as callers
from backend.accounts.caller import LOCAL, Caller
from backend.app import create_app
from backend.chat.disconnect import CONTINUE
from backend.chat.party import Party
from backend.chat.submission import Submission
from backend.errors import Unavailable
from backend.settings import ApiSettings
from tests.backend.inside import parts_in
from wire.ids import JobId, PrincipalId, TenantId
from wire.records import JobRequest, Message

ANN = Caller(PrincipalId("ann"), TenantId("acme"))
MESSAGES = [{"role": "user", "content": "hello"}]
LANGSERVE = {"input": {"messages": [{"type": "human", "content": "hello"}]}}
JOBS: dict[str, dict[str, Any]] = {
    "/api/chat": {"messages": MESSAGES},
    "/api/generate": {"model": "tiny", "prompt": "hello"},
    "/api/embed": {"model": "tiny", "input": "hello"},
    "/api/embeddings": {"model": "tiny", "prompt": "hello"},
    "/api/v1/local-llm/generate": {"prompt": "hello"},
    "/api/lc/chat/stream": LANGSERVE,
    "/api/lc/chat/invoke": LANGSERVE,
    "/api/lc/chat/stream_log": LANGSERVE,
    "/api/lc/chat/stream_events": LANGSERVE,
    "/api/lc/chat/batch": {"inputs": [LANGSERVE["input"]] * 2},
    "/v1/chat/completions": {"model": "tiny", "messages": MESSAGES, "n": 2},
    "/v1/completions": {"model": "tiny", "prompt": ["hello", "you"]},
    "/v1/embeddings": {"model": "tiny", "input": ["hello", "you"]},
    "/v1/responses": {"model": "tiny", "input": "hello"},
    "/v1/responses/input_tokens": {"model": "tiny", "input": "hello"},
    "/v1/messages": {"model": "tiny", "messages": MESSAGES, "max_tokens": 9},
    "/v1/messages/count_tokens": {"model": "tiny", "messages": MESSAGES},
}
OF_JOBS_THAT_ARE_THERE = {"/v1/responses/{response_id}/cancel"}


class Entrance:
    """The app in this process, and the submissions that reach the hall: each is refused there."""

    def __init__(self, app: FastAPI, services: dict[str, Any]) -> None:
        self.submissions: list[Submission] = []
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, "state": dict(self._services)}, receive, send)

    async def submit_all(self, submissions: Sequence[Submission]) -> Party:
        self.submissions += submissions
        raise Unavailable("This test submits nothing.", "refused_here")


@pytest.fixture
async def entrance(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Entrance]:
    """`ANN` calls."""
    monkeypatch.setattr(callers, "LOCAL", ANN)
    async with parts_in(redis_url, SLUICE_MODELS="tiny") as parts:
        entrance = Entrance(create_app(ApiSettings(_env_file=None)), parts.services)  # type: ignore[call-arg]
        monkeypatch.setattr(parts.chat, "submit_all", entrance.submit_all)
        yield entrance


@pytest.mark.parametrize("path", JOBS)
async def test_a_job_is_submitted_for_the_caller_of_its_request(entrance: Entrance, path: str) -> None:
    transport = httpx.ASGITransport(app=entrance, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post(path, json=JOBS[path])
    assert answer.status_code == 503 and "submits nothing" in answer.text, answer.text
    assert {submission.caller for submission in entrance.submissions} == {ANN}


async def test_a_jobs_record_names_the_caller_and_the_tenant(redis_url: str) -> None:
    async with parts_in(redis_url, SLUICE_MODELS="tiny") as parts:
        job, ask = JobId(str(uuid.uuid4())), JobRequest(model="tiny", messages=(Message(role="user", content="hello"),))
        await parts.chat.enqueue(job, Submission(ask, ANN, CONTINUE))
        found = await parts.pools.of(ANN).find(job)
        assert found is not None and (found.record.principal, found.record.tenant) == ANN
        assert await parts.pools.of(LOCAL).find(job) is None


def test_these_are_all_routes_that_submit_jobs() -> None:
    app = create_app(ApiSettings(_env_file=None))  # type: ignore[call-arg]
    posts = {str(context.path) for context in iter_route_contexts(app.routes) if "POST" in (context.methods or ())}
    protocols = {path for path in posts if path.startswith(("/api/chat", "/api/generate", "/api/embed", "/api/v1/"))}
    protocols |= {path for path in posts if path.startswith(("/api/lc/", "/v1/"))}
    apart = OF_JOBS_THAT_ARE_THERE | {path for path in posts if path.startswith(("/v1/files", "/v1/batches"))}
    assert protocols - apart == set(JOBS)
