"""`/api/threads` on both databases: a thread is made once, changed, paged, deleted; no tenant sees another's."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from backend.cursor import write_cursor
from backend.threads import repository
from tests.backend.conversations import FOREIGN, JOB, LONG, Visitor, an_id

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EMPTY = {"model": None, "system": None, "think": None, "options": {}}


def error_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}
    error: dict[str, Any] = answer.json()["error"]
    assert error.keys() == {"code", "message", "request_id"}
    assert error["code"] == code, error
    assert error["request_id"] == answer.headers["x-request-id"]
    return error


# -- making ------------------------------------------------------------------------------------------------------


async def test_a_new_thread_is_empty_and_has_an_id_of_its_own(visitor: Visitor) -> None:
    answer = await visitor.http.post("/api/threads", json={})
    assert answer.status_code == 201
    parsed = answer.json()
    assert MOMENT.fullmatch(parsed.pop("created_at")) and MOMENT.fullmatch(parsed.pop("updated_at"))
    name = parsed.pop("id")
    assert parsed == {"title": None, "archived": False, "settings": EMPTY, "job": None}
    there = await visitor.get(f"/api/threads/{name}/messages")
    assert (there["thread"]["id"], there["messages"], there["head_id"]) == (name, [], None)


async def test_a_thread_with_its_own_id_is_made_once(visitor: Visitor) -> None:
    wanted = {"id": an_id(), "title": "  Of  cats\nand dogs ", "settings": {"model": "m", "options": {"top_k": 3}}}
    first = await visitor.http.post("/api/threads", json=wanted)
    again = await visitor.http.post("/api/threads", json={**wanted, "title": "Another"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["title"] == "Of cats and dogs"
    assert first.json()["settings"] == {**EMPTY, "model": "m", "options": {"top_k": 3}}


async def test_two_requests_that_make_the_same_thread_at_once_get_one_thread(visitor: Visitor) -> None:
    name = an_id()
    answers = await asyncio.gather(*(visitor.http.post("/api/threads", json={"id": name}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert {answer.json()["id"] for answer in answers} == {name}


async def test_the_id_of_another_tenants_thread_is_taken(visitor: Visitor) -> None:
    name = await visitor.foreign_thread()
    error_of(await visitor.http.post("/api/threads", json={"id": name}), 409, "id_taken")


# -- wrong input -------------------------------------------------------------------------------------------------

WRONG_THREADS: dict[str, tuple[dict[str, Any], str]] = {
    "an id with a slash": ({"id": "a/b"}, "id"),
    "an id with a line feed": ({"id": "a\n"}, "id"),
    "an empty id": ({"id": ""}, "id"),
    "an id too long": ({"id": "x" * 65}, "id"),
    "an id that is a number": ({"id": 7}, "id"),
    "a title that is a list": ({"title": ["x"]}, "title"),
    "an empty title": ({"title": " \n"}, "title"),
    "a title without end": ({"title": "x" * 201}, "title"),
    "settings that are text": ({"settings": "hot"}, "settings"),
    "settings that are null": ({"settings": None}, "settings"),
    "a model that is a number": ({"settings": {"model": 7}}, "settings.model"),
    "a system prompt too long": ({"settings": {"system": "ü" * 32_769}}, "settings.system"),
    "a thought of unknown depth": ({"settings": {"think": "very hard"}}, "settings.think"),
    "options that are a list": ({"settings": {"options": []}}, "settings.options"),
    "a temperature below zero": ({"settings": {"options": {"temperature": -1}}}, "settings.options.temperature"),
    "a temperature in words": ({"settings": {"options": {"temperature": "1"}}}, "settings.options.temperature"),
    "a budget in words": ({"settings": {"options": {"num_predict": "1.5"}}}, "settings.options.num_predict"),
    "too many stops": ({"settings": {"options": {"stop": ["x"] * 257}}}, "settings.options.stop"),
}
WRONG_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "archived in words": ({"archived": "yes"}, "archived"),
    "archived null": ({"archived": None}, "archived"),
    "a head with a slash": ({"head_id": "../x"}, "head_id"),
    **{name: wrong for name, wrong in WRONG_THREADS.items() if " id" not in name},
}


@pytest.mark.parametrize("name", WRONG_THREADS)
async def test_a_wrong_thread_is_refused(visitor: Visitor, name: str) -> None:
    body, says = WRONG_THREADS[name]
    error = error_of(await visitor.http.post("/api/threads", json=body), 422, "invalid_request")
    assert says in error["message"]


@pytest.mark.parametrize("name", WRONG_CHANGES)
async def test_a_wrong_change_is_refused_and_changes_nothing(visitor: Visitor, name: str) -> None:
    body, says = WRONG_CHANGES[name]
    thread = await visitor.thread(title="As it was")
    before = await visitor.get(f"/api/threads/{thread}")
    answer = await visitor.http.patch(f"/api/threads/{thread}", json={"title": "Not this", **body})
    assert says in error_of(answer, 422, "invalid_request")["message"]
    assert await visitor.get(f"/api/threads/{thread}") == before


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"title": "\\ud800"}', b'{"title": NaN}'])
async def test_a_body_that_is_no_json_object_is_refused(visitor: Visitor, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    error_of(await visitor.http.post("/api/threads", content=body, headers=headers), 422, "invalid_json")


@pytest.mark.parametrize(
    "cursor", ["x", "!!!", "ü", *(write_cursor(*parts) for parts in (["9" * 20, "a"], [-1, "a"], ["a", "a"], [1, ""]))]
)
async def test_a_cursor_that_came_from_no_page_is_refused(visitor: Visitor, cursor: str) -> None:
    error_of(await visitor.http.get("/api/threads", params={"cursor": cursor}), 422, "invalid_cursor")


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"archived": "maybe"}])
async def test_a_wrong_page_is_refused(visitor: Visitor, query: dict[str, str]) -> None:
    error_of(await visitor.http.get("/api/threads", params=query), 422, "invalid_request")


# -- other tenants, unknown ids ----------------------------------------------------------------------------------

ROUTES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PATCH", "", {"title": "Mine now"}),
    ("DELETE", "", None),
    ("GET", "/messages", None),
    ("GET", "/export", None),
    ("GET", "/export?format=markdown", None),
    ("POST", "/title", None),
    ("PUT", "/messages/answer/feedback", {"rating": "up"}),
]


@pytest.mark.parametrize(("method", "tail", "body"), ROUTES, ids=[f"{method} {tail}" for method, tail, _ in ROUTES])
async def test_another_tenants_thread_is_as_unknown_as_a_wrong_id(
    visitor: Visitor, method: str, tail: str, body: dict[str, Any] | None
) -> None:
    parsed = []
    for name in (await visitor.foreign_thread(), an_id(), "a%00b", "a%0A", "%ff", "x" * 4_000):
        answer = await visitor.http.request(method, f"/api/threads/{name}{tail}", json=body)
        error = error_of(answer, 404, "thread_not_found")
        parsed.append(error["message"].replace(name[:64], "NAME"))
    assert parsed[0] == parsed[1]


async def test_nothing_of_another_tenant_is_listed_or_found_or_changed(visitor: Visitor) -> None:
    name = await visitor.foreign_thread()
    await visitor.http.delete(f"/api/threads/{name}")
    for archived in ("false", "true"):
        parsed = await visitor.get("/api/threads", limit=200, archived=archived)
        assert name not in {thread["id"] for thread in parsed["threads"]}
    assert await visitor.get("/api/threads/search", q="foreign words") == {"hits": []}
    async with visitor.database.read() as tx:
        assert (await repository.thread(tx, FOREIGN, name)) is not None


# -- changing ----------------------------------------------------------------------------------------------------


async def test_a_thread_is_renamed_and_archived_and_gets_settings(visitor: Visitor) -> None:
    thread = await visitor.thread()
    settings = {"model": "m", "system": "Be brief.", "think": "low", "options": {"temperature": 0, "stop": "x"}}
    for change in ({"title": "New"}, {"archived": True}, {"settings": settings}, {}):
        answer = await visitor.http.patch(f"/api/threads/{thread}", json=change)
        assert answer.status_code == 200
    parsed = await visitor.get(f"/api/threads/{thread}")
    assert (parsed["title"], parsed["archived"]) == ("New", True)
    assert parsed["settings"] == {**settings, "options": {"temperature": 0, "stop": ["x"]}}
    assert thread not in {each["id"] for each in (await visitor.get("/api/threads", limit=200))["threads"]}
    assert thread in {each["id"] for each in (await visitor.get("/api/threads", archived="true"))["threads"]}
    assert (await visitor.http.patch(f"/api/threads/{thread}", json={"title": None})).json()["title"] is None


async def test_unknown_fields_and_options_of_the_operator_are_ignored(visitor: Visitor) -> None:
    thread = await visitor.thread(colour="red", settings={"options": {"num_gpu": 9, "seed": 1}, "other": 1})
    assert (await visitor.get(f"/api/threads/{thread}"))["settings"] == {**EMPTY, "options": {"seed": 1}}


async def test_the_branch_that_is_shown_is_chosen(visitor: Visitor) -> None:
    thread = await visitor.thread()
    first = await visitor.written(thread, None, "one", created_at=1)
    older = await visitor.written(thread, first, "a", role="assistant", created_at=2)
    newer = await visitor.written(thread, first, "b", role="assistant", created_at=3)
    assert (await visitor.get(f"/api/threads/{thread}/messages"))["head_id"] == newer
    answer = await visitor.http.patch(f"/api/threads/{thread}", json={"head_id": older})
    assert answer.status_code == 200
    assert (await visitor.get(f"/api/threads/{thread}/messages"))["head_id"] == older
    error_of(await visitor.http.patch(f"/api/threads/{thread}", json={"head_id": an_id()}), 422, "unknown_head")
    await visitor.http.patch(f"/api/threads/{thread}", json={"head_id": None})
    assert (await visitor.get(f"/api/threads/{thread}/messages"))["head_id"] == newer


async def test_messages_come_parents_first_whatever_their_times_are(visitor: Visitor) -> None:
    thread = await visitor.thread()
    root = await visitor.written(thread, None, "1", created_at=90)
    child = await visitor.written(thread, root, "2", created_at=50)
    late = await visitor.written(thread, root, "2b", created_at=60)
    leaf = await visitor.written(thread, child, "3", created_at=10)
    assert list(await visitor.messages(thread)) == [root, child, late, leaf]


# -- pages -------------------------------------------------------------------------------------------------------


async def test_pages_hold_every_thread_once_while_new_ones_come(visitor: Visitor) -> None:
    made = [await visitor.thread(title=f"Thread {n}") for n in range(7)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        parsed = await visitor.get("/api/threads", limit=3, **cursor)
        seen += [thread["id"] for thread in parsed["threads"]]
        if parsed["next_cursor"] is None:
            break
        cursor = {"cursor": parsed["next_cursor"]}
        await visitor.thread(title="Meanwhile")
    assert len(seen) == len(set(seen))
    assert [name for name in seen if name in made] == made[::-1]


# -- deleting ----------------------------------------------------------------------------------------------------


async def test_a_deleted_thread_is_gone_with_its_messages_and_its_job_is_cancelled(visitor: Visitor) -> None:
    thread = await visitor.thread()
    async with visitor.asking(visitor.turn(thread, LONG)) as stream:
        assert (await visitor.http.delete(f"/api/threads/{thread}")).status_code == 204
        assert (await visitor.truth.until_state(stream.headers[JOB], "cancelled")).why == "thread_deleted"
    error_of(await visitor.http.delete(f"/api/threads/{thread}"), 404, "thread_not_found")
    async with visitor.database.read() as tx:
        assert await repository.all_messages(tx, thread) == []


# -- feedback ----------------------------------------------------------------------------------------------------


async def test_an_answer_is_rated_and_the_rating_taken_back(visitor: Visitor) -> None:
    thread = await visitor.thread()
    question = await visitor.written(thread, None, "hello")
    answer = await visitor.written(thread, question, "hi", role="assistant")
    path = f"/api/threads/{thread}/messages/{answer}/feedback"
    for rating in ("up", "down", None):
        assert (await visitor.http.put(path, json={"rating": rating, "comment": "so"})).status_code == 204
        assert (await visitor.messages(thread))[answer]["feedback"] == rating


async def test_wrong_feedback_is_refused(visitor: Visitor) -> None:
    thread = await visitor.thread()
    question = await visitor.written(thread, None, "hello")
    path = f"/api/threads/{thread}/messages/{question}/feedback"
    for body in ({}, {"rating": "best"}, {"rating": 1}, {"rating": "up", "comment": "x" * 4_001}):
        error_of(await visitor.http.put(path, json=body), 422, "invalid_request")
    error_of(await visitor.http.put(path, json={"rating": "up"}), 422, "not_an_answer")
    unknown = f"/api/threads/{thread}/messages/{an_id()}/feedback"
    error_of(await visitor.http.put(unknown, json={"rating": "up"}), 404, "message_not_found")


# -- browsers, descriptions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_page_of_an_allowed_origin_may_change_threads_and_no_other(visitor: Visitor, method: str) -> None:
    path, wish = f"/api/threads/{an_id()}", {"Access-Control-Request-Method": method}
    allowed = await visitor.http.options(path, headers={"Origin": "http://localhost:3000", **wish})
    assert allowed.status_code == 200 and method in allowed.headers["access-control-allow-methods"]
    foreign = await visitor.http.request(method, path, json={}, headers={"Origin": "https://evil.example"})
    error_of(foreign, 403, "origin_not_allowed")


async def test_the_routes_are_described_with_their_bodies(visitor: Visitor) -> None:
    paths = (await visitor.get("/openapi.json"))["paths"]
    routes = {f"{m} {p}": about for p, of in paths.items() if "/api/threads" in p for m, about in of.items()}
    assert len(routes) == 10 and all(about["summary"] for about in routes.values())
    for name in ("post /api/threads", "patch /api/threads/{thread}"):
        schema = routes[name]["requestBody"]["content"]["application/json"]["schema"]
        assert "temperature" in schema["properties"]["settings"]["properties"]["options"]["properties"]
        assert "$ref" not in str(schema)
