"""Another tenant's job is as unknown as a wrong id, on every route that takes a job's id or a response's."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from backend.app import create_app
from backend.dialects.responses.door import DOOR
from backend.settings import ApiSettings
from tests.backend.incoming import incoming
from tests.backend.recording import BOUNDS
from tests.support.house import House, MakesHouse
from tests.support.truth import Truth
from wire.ids import JobId, PrincipalId, TenantId

# By method and path, as they stand in the app; the body, where there is one, names the response.
ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "/api/jobs/{job}", None),
    ("GET", "/api/jobs/{job}/events", None),
    ("POST", "/api/jobs/{job}/cancel", None),
    ("GET", "/v1/chat/jobs/{job}", None),
    ("GET", "/v1/responses/{response_id}", None),
    ("DELETE", "/v1/responses/{response_id}", None),
    ("POST", "/v1/responses/{response_id}/cancel", None),
    ("GET", "/v1/responses/{response_id}/input_items", None),
    ("POST", "/v1/responses", {"input": "x", "previous_response_id": "{response_id}"}),
    ("POST", "/v1/responses", {"input": [{"type": "item_reference", "id": "{item_id}"}]}),
    ("POST", "/v1/responses/input_tokens", {"input": "x", "previous_response_id": "{response_id}"}),
]


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    """Without a worker: what is submitted waits."""
    return module_house(workers=0)


def test_these_are_all_routes_with_the_id_of_a_job() -> None:
    app = create_app(ApiSettings(_env_file=None))  # type: ignore[call-arg]
    paths = {str(context.path) for context in iter_route_contexts(app.routes)}
    with_id = {path for path in paths if "{job}" in path or "{response_id}" in path}
    theirs = {path for path in with_id if path.startswith("/api/admin/")}  # an operator sees all tenants' jobs
    assert with_id - theirs == {path for _, path, _ in ROUTES if "{" in path}


async def answer_of(client: httpx.AsyncClient, route: tuple[str, str, Any], job: uuid.UUID) -> httpx.Response:
    method, path, text = route[0], route[1], json.dumps(route[2])
    ids = {"job": str(job), "response_id": f"resp_{job.hex}", "item_id": f"msg_{job.hex}_in0"}
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
        text = text.replace(f"{{{name}}}", value)
    return await client.request(method, path, json=json.loads(text))


@pytest.mark.parametrize("route", ROUTES, ids=[f"{method} {path} {list(body or ())}" for method, path, body in ROUTES])
async def test_a_foreign_job_is_answered_like_a_wrong_id(
    client: httpx.AsyncClient, truth: Truth, route: tuple[str, str, Any]
) -> None:
    theirs, nobodys = uuid.uuid4(), uuid.uuid4()
    request = DOOR.read(incoming({"input": "theirs"}, 9)).ask.model_copy(update={"model": "tiny", "door": DOOR.name})
    owner = {"tenant": TenantId("somebody else"), "principal": PrincipalId("local")}
    assert await truth.jobs.accept(JobId(str(theirs)), request, BOUNDS, **owner) == "ok"
    foreign, unknown = [await answer_of(client, route, job) for job in (theirs, nobodys)]
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert without(foreign, theirs) == without(unknown, nobodys)
    assert (await truth.record(str(theirs))).state == "queued"


def without(answer: httpx.Response, job: uuid.UUID) -> str:
    """The body without what names this one request."""
    error = answer.json()["error"]
    error.pop("request_id", None)
    return str(error).replace(str(job), "…").replace(job.hex, "…")
