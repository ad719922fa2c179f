"""An engine goes away, or a job does not decode: the job waits, moves or ends, and its caller learns why."""

from __future__ import annotations

from tests.ollama_worker.fake_ollama import chat_line, end, fake_ollama
from tests.support.child import free_port
from tests.support.house import Houses
from tests.support.listener import chat, listening, words
from tests.support.truth import Truth
from tests.support.waiting import eventually

OLLAMA = {"SLUICE_ENGINE": "ollama", "MODEL_NAME": "m:latest", "OLLAMA_MAX_RETRIES": "0"}


async def test_a_chat_that_names_no_model_is_answered_by_the_model_that_ollama_brings(
    house: Houses, truth: Truth
) -> None:
    """Also the chat that came before Ollama did, when its models were not known."""
    port = free_port()
    home = house.build(SLUICE_ENGINE="ollama", OLLAMA_BASE_URL=f"http://127.0.0.1:{port}", OLLAMA_MAX_RETRIES="0")
    home.start_api()
    await home.ready()
    worker = home.start_worker()
    await worker.wait_for_action("engine.waiting")
    async with listening(home.url, chat("hello")) as early:
        async with fake_ollama(port) as engine:
            engine.refuses_others = True
            engine.models = {"vectors:1b": {"capabilities": ["embedding"]}, "late:7b": {}}
            assert await early.end() == "completed"
            assert (early.text, early.of("completed")[-1]["model"]) == ("Hello you", "late:7b")
            await home.ready()
            async with listening(home.url, chat("hello")) as late:
                assert await late.end() == "completed"
            assert late.of("started")[-1]["model"] == "late:7b"
    await truth.check_ended_once(early.job)


async def test_a_job_whose_engine_is_gone_waits_reports_why_and_moves(house: Houses, truth: Truth) -> None:
    home = house.build(**OLLAMA)
    home.start_api()
    async with fake_ollama() as gone:
        lonely = home.start_worker(OLLAMA_BASE_URL=gone.url)
        await home.ready()
        [life] = await truth.workers.beats()
    async with fake_ollama() as well, listening(home.url, chat("hello")) as heard:
        await heard.until(lambda heard: any(news.get("detail") for news in heard.of("queued")), "why it waits")
        waiting = next(news for news in heard.of("queued") if news.get("detail"))
        assert "Ollama" in waiting["detail"] and waiting["position"] == 1
        record = await truth.record(heard.job)
        assert (record.state, record.tries) == ("queued", 0)
        await lonely.wait_for_action("engine.unwell")
        home.start_worker(OLLAMA_BASE_URL=well.url)
        assert await heard.end() == "completed"
        assert heard.text == "Hello you"
        assert life not in heard.of("started")[-1]["worker"]
        assert gone.bodies("/api/chat") == [] and len(well.bodies("/api/chat")) == 1
    lonely.expect_alive()
    await truth.check_ended_once(heard.job)


async def test_an_engine_that_breaks_off_costs_a_try_and_another_attempt_answers(house: Houses, truth: Truth) -> None:
    """Some text is out, and this template cannot be continued: native readers get `restarted`."""
    async with fake_ollama() as engine:
        engine.chunks, engine.cut, engine.template = [chat_line("Hel")], True, "{{ .Prompt }}"
        # The engine breaks off until its book shows the request, which may be more often than a job has tries.
        home = await house(apis=1, workers=1, OLLAMA_BASE_URL=engine.url, QUEUE_MAX_ATTEMPTS="20", **OLLAMA)
        async with listening(home.url, chat("hello")) as heard:
            await eventually(lambda: len(engine.bodies("/api/chat")) or None, 10, "the engine is called")
            engine.chunks, engine.cut = [chat_line("Hello"), chat_line(" you"), end()], False
            assert await heard.end() == "completed"
        assert heard.text == "Hello you"
    record = await truth.record(heard.job)
    assert record.tries == record.attempt - 1 >= 1
    assert heard.kinds.count("restarted") >= 1
    await truth.check_ended_once(heard.job)


async def test_an_inbox_entry_that_does_not_decode_is_a_dead_letter(house: Houses, truth: Truth) -> None:
    home = await house(apis=1, workers=1)
    [life] = await truth.workers.beats()
    entry = await truth.redis.xadd(truth.keys.inbox(life), {"do": "run", "job": "who", "attempt": "first"})
    nameless = await truth.redis.xadd(truth.keys.inbox(life), {"what": b"\xff"})
    await truth.redis.xadd(truth.keys.inbox(life), {"do": "sing"})  # a later version's order: skipped, not buried
    await home.worker.wait_for_action("order.unknown", do="sing")
    stream = f"inbox:{life}"
    buried = {letter["entry"]: letter for letter in await truth.dead_letters()}
    assert buried[entry.decode()] == {"job": "who", "why": "undecodable", "stream": stream, "entry": entry.decode()}
    assert nameless.decode() in buried and len(buried) == 2
    async with listening(home.url, chat("!tokens 10")) as heard:
        assert await heard.end() == "completed"
    home.worker.expect_alive()


async def test_an_order_lost_on_its_way_is_given_again_uncharged(house: Houses, truth: Truth) -> None:
    """The run entry itself is gone: its worker owns a job that it knows nothing of, and gives it back."""
    home = await house(apis=1, workers=1)
    [life] = await truth.workers.beats()
    home.worker.pause()
    await truth.redis.xadd(truth.keys.inbox(life), {"do": "sing"})  # answers the read that waits; what follows stays
    async with listening(home.url, chat("!tokens 10")) as heard:
        await truth.until_state(heard.job, "running")
        [_, (entry, _)] = await truth.redis.xrange(truth.keys.inbox(life))
        await truth.redis.xdel(truth.keys.inbox(life), entry)
        home.worker.resume()
        assert await heard.end() == "completed"
        assert heard.text == words(10)
    record = await truth.record(heard.job)
    assert (record.attempt, record.tries) == (2, 0)


async def test_a_request_that_does_not_decode_is_a_dead_letter_and_its_caller_gets_an_error(
    house: Houses, truth: Truth
) -> None:
    home = await house(apis=1, workers=0)
    async with listening(home.url, chat("!tokens 10")) as heard:
        await truth.redis.hset(truth.keys.job(heard.job), "request", b'{"model": 7, "messages": "\xff"')
        home.start_worker()
        assert await heard.end() == "failed"
        assert heard.of("failed")[0]["code"] == "undecodable"
    assert {"job": heard.job, "why": "undecodable"} in await truth.dead_letters()
    await truth.check_ended_once(heard.job)
    home.worker.expect_alive()


async def test_an_entry_of_demand_that_no_job_made_is_swept_to_the_dead_letters(house: Houses, truth: Truth) -> None:
    """Left there it would hold a worker up for ever: KEDA counts it."""
    await house(apis=1, workers=0)
    await truth.redis.xadd(truth.keys.demand, {"job": "nobody"})
    await truth.until_drained()
    [letter] = await truth.dead_letters()
    assert (letter["job"], letter["why"], letter["stream"]) == ("nobody", "undecodable", "demand")
