"""The programs of the images run: every install step, every entry point, and a chat through all of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.images.dockerfile import PARTS, read
from tests.images.platform import Platform, standing

# Building the images takes most of the time, and happens only once.
pytestmark = pytest.mark.timeout(600)
WEB = ("fastapi", "starlette", "uvicorn", "langchain_core", "langserve", "sqlalchemy", "backend")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with standing(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


def test_the_page_comes_up_and_its_api_sees_a_worker(platform: Platform) -> None:
    seen = platform.visit("ready")
    assert seen["workers"] == 1
    assert "<!DOCTYPE html>" in seen["page"] and "script-src 'self' 'sha256-" in seen["policy"]
    assert seen["metrics"] == 404


def test_a_chat_goes_through_and_its_tokens_are_held_back_nowhere(platform: Platform) -> None:
    seen = platform.visit("chat")
    assert seen["end"] == "completed" and seen["numbers"] == list(range(120))
    assert seen["first_read"] < seen["last_written"], "the first was read after the last was written"


def test_a_page_that_is_loaded_again_goes_on_where_it_was(platform: Platform) -> None:
    seen = platform.visit("reload")
    assert seen["end"] == "completed" and seen["numbers"] == list(range(40))
    assert seen["again"] and seen["again"][0] >= 5, "the page got again what it had"


@pytest.mark.parametrize("part", PARTS)
def test_a_container_runs_as_nobody_and_writes_nowhere_but_in_tmp(platform: Platform, part: str) -> None:
    places = "for place in / /opt /etc /srv /var/tmp; do touch $place/x 2>/dev/null && echo $place; done"
    script = f"id -u; {places}; touch /tmp/x"
    user, *written = platform.look(f"sluice-{part}", "sh", "-c", script).split()
    assert written == []
    assert user == "10001"


def test_a_file_written_in_tmp_is_not_run_as_docker_has_it(platform: Platform) -> None:
    printed = platform.look("sluice-worker", "sh", "-c", "cp /bin/true /tmp/true && /tmp/true || echo refused")
    assert printed.strip() == "refused"


@pytest.mark.parametrize("part", PARTS)
def test_a_health_check_succeeds_where_its_service_runs(platform: Platform, part: str) -> None:
    platform.visit("ready")
    assert platform.healthy(part) == 0


def test_the_api_s_health_check_fails_where_nothing_answers(platform: Platform) -> None:
    assert platform.healthy("backend", SLUICE_PORT="8001") == 1


@pytest.mark.parametrize("module", WEB)
def test_a_worker_s_image_has_no_web_stack(platform: Platform, module: str) -> None:
    program = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]) is not None)"
    assert platform.look("sluice-worker", "python", "-c", program, module).strip() == "False"
    assert platform.look("sluice-backend", "python", "-c", program, module).strip() == "True"


def test_a_stopped_nginx_lets_an_answer_end(platform: Platform) -> None:
    """The last test, since no nginx is there after it: Docker and Kubernetes send the image's STOPSIGNAL."""
    visitor = platform.start_visit("chat")
    platform.running["frontend"].signal(signal.Signals[read("frontend").final.last("STOPSIGNAL").text])
    visitor.process.wait(60)
    assert platform.seen(visitor)["end"] == "completed"
    assert platform.running["frontend"].process.wait(30) == 0


@pytest.mark.parametrize("part", ["worker", "backend"])
def test_a_stopped_process_leaves_in_order(platform: Platform, part: str) -> None:
    child = platform.running[part]
    child.term()
    assert child.process.wait(30) == 0, child.tail()
