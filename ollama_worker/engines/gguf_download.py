"""Fetches a GGUF file once: resumable, with progress, and never taken for whole before it is.

A redirect to another host is logged, and a redirect from https to http is refused. A file is bounded by the space left
on the disk, and compared with its SHA-256 where one is given.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import aiohttp
import structlog

# A missing network is noticed in this many seconds, name look-up included, so that a start without one stays short.
OFFLINE_SECONDS = 3.0
STALLED_SECONDS = 30.0
CHUNK = 1 << 20  # bytes a write: few enough wake-ups, and progress twice a second on a slow line
MAGIC = b"GGUF"
MOST_REDIRECTS = 5  # model hubs need one or two
SPARE_BYTES = 1 << 30  # of the disk, which a download leaves to everything else on this machine
log = structlog.get_logger()

Progress = Callable[[int, int], None]  # (bytes that are here, bytes in all or 0)


class DownloadFailed(Exception):
    """The message says what to do instead. The fetched part stays, for the next try."""


def target_of(url: str, folder: Path) -> Path:
    return folder / Path(urlsplit(url).path).name


async def download(url: str, folder: Path, progress: Progress, sha256: str = "") -> Path:
    """Fetch `url` into `folder` and return the file. An earlier, broken-off download is resumed.

    `sha256`: the digest that the file must have, in hex; "" takes any. Raises `DownloadFailed`.
    """
    target = target_of(url, folder)
    part = target.with_suffix(".part")
    try:
        have = await asyncio.to_thread(_bytes_here, part)
        timeout = aiohttp.ClientTimeout(total=None, sock_read=STALLED_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
            await _fetch(session, url, part, have, progress)
    except aiohttp.TooManyRedirects as error:
        raise DownloadFailed(
            f"Could not fetch {target.name}: it was led on more than {MOST_REDIRECTS} times"
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DownloadFailed(f"Could not fetch {target.name}: {str(error) or 'nobody answered in time'}") from error
    _refuse_what_is_no_model(part)
    if sha256:
        await asyncio.to_thread(_refuse_another, part, sha256.lower())
    part.replace(target)
    return target


def _bytes_here(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


async def _fetch(session: aiohttp.ClientSession, url: str, part: Path, have: int, progress: Progress) -> None:
    # The plain bytes: a compressed answer could not be resumed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    async with asyncio.timeout(OFFLINE_SECONDS):
        answer = await session.get(url, headers=headers, max_redirects=MOST_REDIRECTS)
    async with answer:
        _check_redirects(answer)
        if answer.status == 416:  # nothing follows: the file was whole already, and only the last step was missing
            return
        answer.raise_for_status()
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status == 206 and not resumed:
            raise OSError("the server sent another part of the file than the one that was missing")
        await _write(answer, part, have if resumed else 0, progress)


async def _write(answer: aiohttp.ClientResponse, part: Path, have: int, progress: Progress) -> None:
    """Append behind `have` bytes. Raises `OSError` when fewer came than were announced."""
    total = have + answer.content_length if answer.content_length else 0
    progress(have, total)
    with await asyncio.to_thread(_claimed, part, have) as file:
        most = have + await asyncio.to_thread(_room, part)
        if total > most:
            raise OSError(f"it has {total / 1e9:.1f} GB, and the disk room for {most / 1e9:.1f}")
        async for chunk in answer.content.iter_chunked(CHUNK):
            if have + len(chunk) > (total or most):
                raise OSError(f"more came than {'was announced' if total else 'the disk has room for'}")
            await asyncio.to_thread(file.write, chunk)
            have += len(chunk)
            progress(have, total)
    if total and have < total:
        raise OSError(f"{have} of {total} bytes came")


def _check_redirects(answer: aiohttp.ClientResponse) -> None:
    """Log a redirect to another host. Raises `DownloadFailed` for a redirect from https to http, where anybody on the
    way could replace the file."""
    if not answer.history:
        return
    requested, led = answer.history[0].url, answer.url
    schemes = {step.url.scheme for step in answer.history} | {led.scheme}
    if requested.scheme == "https" and schemes != {"https"}:
        raise DownloadFailed(
            f"{requested.host} leads from https to http ({led.host}): what comes from there can be anybody's"
        )
    if led.host != requested.host:
        log.warning("the model's file comes from another host", action="model.led", asked=requested.host, led=led.host)


def _room(part: Path) -> int:
    """Bytes that may still be written beside `part`."""
    return max(0, shutil.disk_usage(part.parent).free - SPARE_BYTES)


def _refuse_another(part: Path, sha256: str) -> None:
    """Delete a file with another digest, and raise `DownloadFailed`: a file that stayed would be resumed for ever."""
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        part.unlink()
        raise DownloadFailed(f"What came is not the file of SLUICE_GGUF_SHA256: its SHA-256 is {digest}")


def _claimed(part: Path, have: int) -> BinaryIO:
    """The file, cut to `have` bytes, and locked until it is closed: two workers of a machine may start together."""
    part.parent.mkdir(parents=True, exist_ok=True)  # a caller that only reads the size leaves none
    file = part.open("ab")
    try:
        lock(file)
    except OSError as error:
        file.close()
        raise DownloadFailed(f"Another process is fetching {part.stem}: start again when it is done") from error
    file.truncate(have)
    return file


def lock(file: BinaryIO) -> None:
    """Lock the file. Raises `OSError` when another process has the lock. A process that dies leaves no lock behind."""
    if sys.platform == "win32":  # files cannot be replaced while they are open there, which guards enough
        return
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _refuse_what_is_no_model(part: Path) -> None:
    """Delete what is no GGUF file, such as the HTML of a captive portal, and raise `DownloadFailed`: a file that stayed
    would break the next start too."""
    with part.open("rb") as file:
        magic = file.read(len(MAGIC))
    if magic != MAGIC:
        part.unlink()
        raise DownloadFailed("What came is not a GGUF file: check SLUICE_GGUF_URL, and the network for a login page")
