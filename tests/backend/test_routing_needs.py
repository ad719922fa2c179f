"""What engines report of their models, and what the router lets pass because of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import Unsupported
from ollama_worker.engines.base import Engine
from ollama_worker.engines.cloud_anthropic import AnthropicEngine
from ollama_worker.engines.llama_cpp import LlamaCppEngine
from ollama_worker.engines.openai import OpenAIEngine
from ollama_worker.shape import Meter, Shape
from tests.backend.test_routing import router, seen
from tests.ollama_worker.fake_anthropic import fake_anthropic
from tests.ollama_worker.fake_openai import fake_openai
from tests.tiny_gguf import make_tiny_gguf
from wire.records import JobRequest, Message
from wire.worker_info import WorkerInfo
from wire.workers import WorkerRecord

SEES = Message(role="user", content="what is this?", images=("aW1hZ2U=",))
EVERYTHING = JobRequest(model="m", messages=(SEES,), tools=({"type": "function"},), think="high")
FILL = JobRequest(kind="generate", model="m", prompt="a", suffix="b")
THOUGHT = JobRequest(model="m", messages=(Message(role="user", content="hello"),), think=True)
EMBED = JobRequest(kind="embed", model="m", inputs=("a",))


async def route_all(engine: Engine, *requests: JobRequest) -> None:
    """Route these asks where a worker with this engine is all there is. Raises the router's refusal."""
    shape = Shape(engine, 1, "", Meter())
    await shape.look()
    info = WorkerInfo(engine.name, shape.info.models)
    routes = router({"one": seen(WorkerRecord("w", 1, 1, 0, True, 0, 0, info))})
    for request in requests:
        await routes.route(request)
    await engine.close()


async def test_a_server_that_reports_only_images_gets_requests_that_need_anything_else() -> None:
    async with fake_openai() as fake:
        fake.entries = [{"id": "m", "architecture": {"input_modalities": ["text", "image"]}}]
        await route_all(OpenAIEngine(fake.url), EVERYTHING, FILL, EMBED)


async def test_a_model_of_anthropic_under_a_name_that_is_not_listed_gets_requests() -> None:
    async with fake_anthropic() as fake:
        fake.entries = [{"id": "m-20260101", "capabilities": {}}]
        await route_all(AnthropicEngine(fake.url, "secret", offered=("m",)), EVERYTHING)


async def test_a_file_thinks_where_its_template_does_and_fills_in_where_it_has_marks(tmp_path: Path) -> None:
    able = make_tiny_gguf(tmp_path / "able.gguf", template="{% if enable_thinking %}<think>{% endif %}", filling="ids")
    await route_all(LlamaCppEngine(able, "m"), THOUGHT, FILL)
    plain = make_tiny_gguf(tmp_path / "plain.gguf")
    for ask in (THOUGHT, FILL):
        with pytest.raises(Unsupported, match=r"cannot (think|fill in text)"):
            await route_all(LlamaCppEngine(plain, "m"), ask)
