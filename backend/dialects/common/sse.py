"""Lines of an event stream that are the same in every dialect of that form.

Comments are one line without the blank one behind it: after an `id:` some clients, OpenAI's among them, take a blank
line for an event of its own, and find nothing in it.
"""

from __future__ import annotations

from typing import Any

import orjson

from wire.events import LogEntry

DONE = b"data: [DONE]\n\n"


def id_line(entry: LogEntry) -> bytes:
    """The line with the event's id; it stands before the last of the event's frames."""
    return b"" if entry.id is None else b"id: %d-%d\n" % entry.id


def queue_line(news: dict[str, Any]) -> bytes:
    """A `queued` event as a comment: where the job stands in the queue."""
    eta = news.get("eta_seconds")
    words = f"position={news.get('position', 0)} eta={'unknown' if eta is None else eta} reason={news.get('reason')}"
    return b": queued %b\n" % words.encode()


def frame(body: dict[str, Any]) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(body)


def text_frame(body: dict[str, Any], field: bytes) -> bytes:
    """The fast path's frame: a format for an event id's two numbers and a JSON string, which takes the place of the
    last `"<field>":""` in `body`. (A quote inside of a value is escaped: only a field looks like that.)
    """
    before, _, after = orjson.dumps(body).replace(b"%", b"%%").rpartition(b'"%b":""' % field)
    return b'id: %%d-%%d\ndata: %b"%b":%%b%b\n\n' % (before, field, after)
