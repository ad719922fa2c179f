"""A worker's readings of its machine's GPUs, by a stand-in for `nvidia-smi` that writes its true format."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from ollama_worker import gpu
from ollama_worker.engines.simulated import SimulatedEngine
from ollama_worker.gpu import Unreadable, amd, find_look, nvidia, parse_nvidia, watch_gpus
from ollama_worker.shape import Meter, Shape
from tests.support.waiting import eventually
from wire.worker_info import Gpu

QUERY = "index,uuid,name,memory.used,memory.total,utilization.gpu,temperature.gpu,power.draw"
H100 = "0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, NVIDIA H100 80GB HBM3, 1024, 81559, 37, 41, 71.52"
A2 = "1, GPU-89aa0000-d72c-4106-c12f-20bd9faed9f6, NVIDIA A2, 3, 15356, 0, 30, 5.01"
SEEN = Gpu("NVIDIA H100 80GB HBM3", 1024, 81559, 37, 41, 72)
OTHER = Gpu("NVIDIA A2", 3, 15356, 0, 30, 5)


class StandIn:
    """A folder on PATH with one `nvidia-smi` in it, a Python program of ours; `calls` is written at each call."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "nvidia-smi"
        self.calls = folder / "calls"

    def does(self, *lines: str) -> None:
        note = f"open({str(self.calls)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')"
        self.program.write_text("\n".join([f"#!{sys.executable}", "import sys, time", note, *lines]))
        self.program.chmod(0o755)

    def says(self, *lines: str) -> None:
        self.does(*[f"print({line!r})" for line in lines])

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpu, "DRM", tmp_path / "no-cards")
    monkeypatch.setattr(gpu, "ANSWER_SECONDS", 60)  # Python starts slowly on a loaded machine
    return StandIn(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "REFRESH_SECONDS", 0.01)


async def test_every_card_is_reported_in_whole_numbers(smi: StandIn) -> None:
    smi.says(H100, A2)
    assert await nvidia() == (SEEN, OTHER)
    assert smi.called() == [f"--query-gpu={QUERY} --format=csv,noheader,nounits"]


@pytest.mark.parametrize("word", ["[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "", "nan", "inf"])
def test_a_reading_that_a_driver_does_not_have_is_unknown(word: str) -> None:
    assert parse_nvidia(f"0, GPU-1, GRID T4, 10, 16384, {word}, 40, {word}\n") == (
        Gpu("GRID T4", 10, 16384, None, 40, None),
    )


@pytest.mark.parametrize(
    "said",
    [
        "No devices were found",
        "Failed to initialize NVML: Driver/library version mismatch",
        "0, GPU-1, name, [N/A], [N/A], [N/A], [N/A], [N/A]",
        "0, GPU-1, a, 1, 2",
        "\0\xff\n,,,,,,,\n0, GPU-1, , 1, 2, 3, 4, 5",
        "0, GPU-1, x, 1, 2, 3, 4, 5, 6",
    ],
)
def test_a_line_that_is_no_card_is_left_out(said: str) -> None:
    assert parse_nvidia(f"{said}\n{H100}\r\n") == (SEEN,)


@pytest.mark.parametrize(
    ("visible", "reported"),
    [
        ("0", (SEEN,)),
        ("1", (OTHER,)),
        (" 1 , 0", (OTHER, SEEN)),
        ("GPU-89aa0000-d72c-4106-c12f-20bd9faed9f6", (OTHER,)),
        ("GPU-8932", (SEEN,)),
        ("gpu-8932", ()),
        ("1,7,0", (OTHER,)),  # CUDA stops at the first entry that is no card
        ("0,0", (SEEN,)),
        ("-1", ()),
        ("void", ()),
        ("MIG-8932f937-d72c-4106-c12f-20bd9faed9f6", ()),
    ],
)
async def test_a_worker_reports_the_cards_that_are_left_to_it(
    smi: StandIn, monkeypatch: pytest.MonkeyPatch, visible: str, reported: tuple[Gpu, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    smi.says(H100, A2)
    assert await nvidia() == reported


async def test_a_worker_to_which_no_card_is_left_calls_no_tool(smi: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    smi.says(H100)
    assert await find_look() is None
    assert smi.called() == []


async def test_bytes_that_are_no_text_are_no_cards(smi: StandIn) -> None:
    smi.does("sys.stdout.buffer.write(bytes(range(256)) * 20)")
    assert await nvidia() == ()


async def test_a_tool_that_writes_without_end_is_stopped(smi: StandIn) -> None:
    smi.does("while True: print('x' * 4096)")
    with pytest.raises(Unreadable, match="without end"):
        await nvidia()


async def test_a_tool_that_fails_means_no_gpu_and_is_not_called_again(smi: StandIn, quick: None) -> None:
    smi.does(f"print({H100!r})", "sys.exit(9)")
    reported: list[tuple[Gpu, ...]] = []
    await asyncio.wait_for(watch_gpus(reported.append), 10)
    assert (reported, len(smi.called())) == ([], 1)


async def test_without_a_tool_no_gpu_is_read(smi: StandIn) -> None:
    assert await find_look() is None
    assert await nvidia() == ()


async def ended(watching: asyncio.Task[None]) -> None:
    """Cancel it, and let the pipes of its last process close, some turns of the loop after its end."""
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_tool_that_hangs_is_killed_and_called_again_later(
    smi: StandIn, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "ANSWER_SECONDS", 0.5)
    smi.does("time.sleep(600)")
    with pytest.raises(TimeoutError):
        await nvidia()
    reported: list[tuple[Gpu, ...]] = []
    watching = asyncio.create_task(watch_gpus(reported.append))
    await eventually(lambda: reported or None, 10, "a report without GPUs")
    assert reported[0] == ()
    monkeypatch.setattr(gpu, "ANSWER_SECONDS", 60)
    smi.says(H100)
    await eventually(lambda: (SEEN,) in reported or None, 10, "the engine answers now")
    await ended(watching)


async def test_old_numbers_do_not_stand_when_the_driver_goes(smi: StandIn, quick: None) -> None:
    reported: list[tuple[Gpu, ...]] = []
    smi.says(H100)
    watching = asyncio.create_task(watch_gpus(reported.append))
    await eventually(lambda: reported or None, 10, "the first look")
    smi.does("sys.exit(9)")
    await eventually(lambda: reported[-1] == () or None, 10, "a later report without GPUs")
    assert reported[0] == (SEEN,)
    await ended(watching)


async def test_an_unforeseen_error_ends_the_looks_at_gpus_and_not_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look() -> tuple[Gpu, ...]:
        raise NotImplementedError("no subprocesses here")

    monkeypatch.setattr(gpu, "nvidia", look)
    reported: list[tuple[Gpu, ...]] = []
    await watch_gpus(reported.append)
    assert reported == [()]


async def test_an_amd_card_is_read_from_sysfs(tmp_path: Path) -> None:
    device = tmp_path / "card1/device"
    files = {
        "mem_info_vram_total": "17163091968",
        "mem_info_vram_used": "1048576000",
        "gpu_busy_percent": "12",
        "product_name": "Radeon PRO W7800\n",
        "hwmon/hwmon3/temp1_input": "51000",
        "hwmon/hwmon3/power1_average": "38600000",
    }
    for name, text in files.items():
        (device / name).parent.mkdir(parents=True, exist_ok=True)
        (device / name).write_text(text)
    (tmp_path / "card0/device").mkdir(parents=True)  # a card of another vendor
    assert await amd(tmp_path) == (Gpu("Radeon PRO W7800", 1000, 16368, 12, 51, 39),)


async def test_an_amd_card_with_few_readings_is_reported_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "card0/device").mkdir(parents=True)
    (tmp_path / "card0/device/mem_info_vram_total").write_text("garbage")
    assert await amd(tmp_path) == (Gpu("AMD GPU"),)


def test_a_beat_carries_what_changed_and_only_then() -> None:
    meter = Meter()
    shape = Shape(SimulatedEngine(["m"]), 1, "", meter)
    assert shape.news() is None
    meter.tokens += 7
    shape.sees((SEEN,))
    news = shape.news()
    assert news is not None and (news.tokens, news.gpus) == (7, (SEEN,))
    assert not shape.models_are_news
    shape.sent(news)
    assert shape.news() is None
