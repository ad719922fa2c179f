"""What a worker's machine reports of its GPUs: memory, load, temperature, power. People read it; nothing depends on it.

NVIDIA's GPUs are read through `nvidia-smi`, a process of its own: a driver that hangs or crashes then takes nothing of
ours with it. AMD's are read from sysfs. A machine with neither is looked at once and never again. Of NVIDIA's GPUs only
those are reported that `CUDA_VISIBLE_DEVICES` leaves to this process: each of eight workers on a host shows its own.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import structlog

from wire.worker_info import Gpu

REFRESH_SECONDS = 5.0
ANSWER_SECONDS = 4.0  # a driver without persistence mode wakes for a second or two at every call
MOST = 64  # GPUs reported; a machine has 16 at most, garbage may have any number of lines
OUTPUT_MAX = 64 * 1024  # bytes of nvidia-smi's output
NAME_MAX = 100
CARD = ("index", "uuid")  # by which CUDA_VISIBLE_DEVICES may call it
FIELDS = ("name", "memory.used", "memory.total", "utilization.gpu", "temperature.gpu", "power.draw")
DRM = Path("/sys/class/drm")
MIB = 1024 * 1024
Look = Callable[[], Awaitable[tuple[Gpu, ...]]]
log = structlog.get_logger()


class Unreadable(Exception):
    """The tool is there and reported nothing; the message says how it failed."""


async def watch_gpus(report: Callable[[tuple[Gpu, ...]], None]) -> None:
    """Report what can be read, again and again; returns where there is nothing to read.

    Never raises: a worker whose background fails leaves, and no number is worth that.
    """
    try:
        look = await find_look()
        while look is not None:
            report(await _quietly(look))
            await asyncio.sleep(REFRESH_SECONDS)
    except Exception:
        log.exception("GPUs are not read any more", action="gpu.broken")
        report(())


async def find_look() -> Look | None:
    """How this machine's GPUs are read; None where it has no GPU that we can read."""
    for look in (nvidia, amd):
        try:
            if await look():
                return look
        except TimeoutError:
            return look  # the tool is there, and slow to wake
        except (Unreadable, OSError) as error:
            log.debug("no GPU read", action="gpu.none", reason=str(error))
    return None


async def _quietly(look: Look) -> tuple[Gpu, ...]:
    """The GPUs, or nothing rather than old numbers when the look fails."""
    try:
        return await look()
    except (Unreadable, OSError) as error:  # TimeoutError is an OSError
        log.debug("GPUs not read", action="gpu.unread", reason=str(error) or type(error).__name__)
        return ()


# NVIDIA


async def nvidia() -> tuple[Gpu, ...]:
    """Raises Unreadable, or TimeoutError when it hangs; empty where there is no `nvidia-smi`, or no card for us."""
    program, visible = shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or visible == "":
        return ()
    command = (program, f"--query-gpu={','.join((*CARD, *FIELDS))}", "--format=csv,noheader,nounits")
    return parse_nvidia(await _output(command), visible)


async def _output(command: tuple[str, ...]) -> str:
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=pipe, stderr=null)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            output = await _at_most(OUTPUT_MAX, process.stdout)
            await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()  # a process that SIGKILL does not end holds up this loop alone, and stays the only one
    if process.returncode:
        raise Unreadable(f"{command[0]} ended with {process.returncode}")
    return output.decode(errors="replace")


async def _at_most(limit: int, stream: asyncio.StreamReader | None) -> bytes:
    """The stream to its end. Raises Unreadable for more than `limit` bytes."""
    output = b""
    while stream is not None and (piece := await stream.read(limit)):
        output += piece
        if len(output) > limit:
            raise Unreadable("it writes without end")
    return output


def parse_nvidia(output: str, visible: str | None = None) -> tuple[Gpu, ...]:
    """One GPU for each line. `[N/A]`, `[Not Supported]` and the like are unknown; lines of another shape are left out.

    `visible`: CUDA_VISIBLE_DEVICES; None: all GPUs.
    """
    rows = [[cell.strip() for cell in line.split(",")] for line in output.splitlines()]
    cards = [row for row in rows if _is_row(row)]
    ours = cards if visible is None else _visible(cards, visible)
    return tuple(Gpu(name[:NAME_MAX], *map(number, numbers)) for _, _, name, *numbers in ours)[:MOST]


def _is_row(row: list[str]) -> bool:
    if len(row) != len(CARD) + len(FIELDS):
        return False
    _, _, name, *numbers = row
    return bool(name) and any(number(cell) is not None for cell in numbers)


def _visible(cards: list[list[str]], visible: str) -> list[list[str]]:
    """The cards that CUDA would use: `visible` lists indices, or UUIDs that may be cut short, and the first entry that
    is no card's ends the list.

    CUDA counts the fastest card first, and `nvidia-smi` counts by slots: they differ only where a host's cards do.
    """
    ours: list[list[str]] = []
    for wanted in (part.strip() for part in visible.split(",")):
        card = next((card for card in cards if _is_called(card, wanted)), None)
        if card is None:
            break
        ours += [card] if card not in ours else []
    return ours


def _is_called(card: list[str], wanted: str) -> bool:
    index, uuid, *_ = card
    return wanted == index or (wanted.startswith("GPU-") and uuid.startswith(wanted))


def number(text: str) -> int | None:
    """`71.52` → 72; None for a text that is no number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return round(value) if math.isfinite(value) else None


# AMD


async def amd(cards: Path = DRM) -> tuple[Gpu, ...]:
    """The GPUs that amdgpu's driver shows in sysfs; empty where there is no such card."""
    return await asyncio.to_thread(lambda: tuple(_amd_cards(cards)))


def _amd_cards(cards: Path) -> Iterator[Gpu]:
    for total in sorted(cards.glob("card*/device/mem_info_vram_total"))[:MOST]:
        yield _amd_card(total.parent)


def _amd_card(device: Path) -> Gpu:
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device)
    return Gpu(
        name=(_read(device / "product_name") or "AMD GPU")[:NAME_MAX],
        memory_used_mb=_scaled(device / "mem_info_vram_used", MIB),
        memory_total_mb=_scaled(device / "mem_info_vram_total", MIB),
        utilization_percent=_scaled(device / "gpu_busy_percent", 1),
        temperature_c=_scaled(sensors / "temp1_input", 1_000),
        power_w=_scaled(sensors / "power1_average", 1_000_000),
    )


def _scaled(file: Path, unit: int) -> int | None:
    value = number(_read(file))
    return None if value is None else round(value / unit)


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""
