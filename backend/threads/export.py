"""A thread as a file: everything as JSON, or the branch that is shown as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import quote

import orjson
from starlette.responses import Response

Format = Literal["json", "markdown"]
NAME_MAX = 80  # characters of a file's name, without its ending
FORBIDDEN = frozenset('/\\:*?"<>|')  # some file system allows these in no name
UNTITLED = "Chat"


def export(format: Format, thread: dict[str, Any], messages: list[dict[str, Any]], branch: Iterable[dict[str, Any]],
           head: str | None) -> Response:  # fmt: skip
    """The response with the file. `messages`: all messages of the thread, as the API shows them; `branch`: those of the
    branch that is shown."""
    if format == "markdown":
        return attachment(markdown(thread, branch).encode(), "text/markdown; charset=utf-8", thread["title"], "md")
    whole = {
        "version": 1,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "thread": thread,
        "head_id": head,
        "messages": messages,
    }
    return attachment(orjson.dumps(whole, option=orjson.OPT_INDENT_2), "application/json", thread["title"], "json")


def attachment(body: bytes, media_type: str, title: str | None, ending: str) -> Response:
    """A response that a browser saves under the thread's title; an old browser under the title's ASCII part."""
    name = file_name(title or UNTITLED)
    plain = "".join(c for c in name if c.isascii()).strip(" .") or UNTITLED
    named = f"attachment; filename=\"{plain}.{ending}\"; filename*=UTF-8''{quote(f'{name}.{ending}', safe='')}"
    headers = {"Content-Disposition": named, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return Response(body, headers=headers, media_type=media_type)


def file_name(title: str) -> str:
    """The name of a file for this title: no folder, no control character (some reverse the reading direction), no
    hidden file."""
    kept = "".join(c if c.isprintable() and c not in FORBIDDEN else " " for c in title)
    return " ".join(kept.split())[:NAME_MAX].strip(" .") or UNTITLED


def markdown(thread: dict[str, Any], branch: Iterable[dict[str, Any]]) -> str:
    """The branch as Markdown: the system prompt first, then a heading for each message."""
    parts = [f"# {thread['title'] or UNTITLED}"]
    if system := thread["settings"]["system"]:
        parts.append(f"## System\n\n{system.strip()}")
    parts += map(_message, branch)
    return "\n\n".join(parts) + "\n"


def _message(message: dict[str, Any]) -> str:
    parts = [_heading(message), message["text"].strip(), *map(_image, message["images"]), _note(message)]
    return "\n\n".join(part for part in parts if part)


def _heading(message: dict[str, Any]) -> str:
    if message["role"] == "user":
        return "## User"
    return f"## Assistant ({message['model']})" if message["model"] else "## Assistant"


def _image(image: dict[str, str]) -> str:
    return f"![image](data:{image['mime']};base64,{image['data']})"


def _note(message: dict[str, Any]) -> str:
    """What a reader should know of an answer that is not whole; "" for a whole answer."""
    if message["status"] == "failed":
        return f"_The answer failed: {(message['error'] or {}).get('message', 'no reason is known')}_"
    return {"cancelled": "_The answer was stopped._", "running": "_The answer is still running._"}.get(
        message["status"], ""
    )
