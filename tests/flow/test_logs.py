"""A job can be followed by its ids through the logs of both processes, and no log shows a prompt or an answer."""

from __future__ import annotations

from tests.support.house import Houses
from tests.support.listener import chat, listening
from tests.support.sse import open_stream

SECRET = "my-cat-is-called-Mitzi"
MINE = "order-4711.a:b"


async def test_the_callers_request_id_is_in_every_line_of_its_job(house: Houses) -> None:
    home = await house(apis=1, workers=1)
    headers = {"X-Request-ID": MINE}
    async with listening(home.url, chat("!tokens 10"), headers=headers) as heard:
        assert await heard.end() == "completed"
        assert heard.stream.headers["x-request-id"] == MINE
    for action in ("attempt.started", "job.completed"):
        line = await home.worker.wait_for_action(action, job_id=heard.job)
        assert line["request_id"] == MINE
        assert line["attempt"] == 1
    for action in ("job.accepted", "request.answered"):
        line = await home.api.wait_for_action(action, request_id=MINE)
        assert line["path"] == "/api/chat"
    ids = [line.get("request_id") for line in home.worker.log_lines() if line.get("job_id") == heard.job]
    assert set(ids) == {MINE}


async def test_jobs_side_by_side_keep_their_own_ids(house: Houses) -> None:
    home = await house(apis=1, workers=1, SLUICE_SLOTS="4")
    names = [f"caller-{n}" for n in range(4)]
    jobs = {}
    for name in names:
        async with listening(home.url, chat("!tokens 20"), headers={"X-Request-ID": name}) as heard:
            assert await heard.end() == "completed"
            jobs[heard.job] = name
    for job, name in jobs.items():
        assert (await home.worker.wait_for_action("job.completed", job_id=job))["request_id"] == name


async def test_no_prompt_and_no_answer_is_in_any_log(house: Houses) -> None:
    """At the loudest level, over good requests, refused ones and failing ones."""
    home = await house(apis=1, workers=1, LOG_LEVEL="DEBUG", OLLAMA_MAX_RETRIES="0")
    bodies = [
        chat(f"{SECRET} !tokens 3"),
        chat("!tokens 3", options={"stop": [SECRET]}),
        {"messages": [{"role": "system", "content": SECRET}, {"role": "user", "content": "!fault context_too_long"}]},
        {"messages": [{"role": "system", "content": SECRET}, {"role": "user", "content": "!fault out_of_memory"}]},
    ]
    for body in bodies:
        async with listening(home.url, body) as heard:
            await heard.end()
    for wrong in ({"messages": SECRET}, {"messages": [{"role": SECRET}]}, {"messages": [{"content": 7, "x": SECRET}]}):
        async with open_stream(home.url + "/api/chat", wrong) as answer:
            assert answer.status == 400
            await answer.body()
    await home.api.wait_for_action("request.answered", status=400)
    for process in (*home.apis, *home.workers):
        log = process.log.read_text()
        assert "request answered" in log or "job completed" in log
        assert SECRET not in log
        assert "This answer is simulated" not in log
