"""The book of titles: the names that jobs have found for threads, each made one short line."""

from __future__ import annotations

import re
from collections.abc import Collection

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from backend.history.ending import Endings
from backend.store.tables import threads
from backend.store.words import fold
from wire.ids import JobId

LONGEST = 80  # characters
READ = 1_000  # characters of a model's answer beside its thoughts: each label in them costs a copy of the rest
THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
LABEL = re.compile(r"^(?:conversation |chat |thread )?(?:title|name|titel|titre|título)\s*[::-]\s*", re.IGNORECASE)
QUOTES = " \t\"'`´*_~“”„‟‘’‚‛«»‹›「」『』"  # noqa: RUF001 - of many scripts, and Markdown's emphasis
BEFORE, AFTER = QUOTES + "#>-–—:.", QUOTES + ".:"  # noqa: RUF001 - headings and lists begin a line, they end none


class TitlesBook:
    """A person's title is never replaced."""

    async def awaits(self, tx: AsyncConnection, jobs: Collection[JobId]) -> Collection[JobId]:
        return {*(await tx.execute(select(threads.c.title_job).where(threads.c.title_job.in_(jobs)))).scalars()}

    async def write(self, tx: AsyncConnection, endings: Endings) -> None:
        free = or_(threads.c.title_by.is_(None), threads.c.title_by != "person")
        for job, ending in sorted(endings.known.items()):
            done = ending.output if ending.record.state == "completed" else None
            if done is not None and (title := clean_title(done.text)):
                named = update(threads).where(threads.c.title_job == job, free)
                await tx.execute(named.values(title=title, title_by="model", folded=fold(title)))


def clean_title(answer: str) -> str | None:
    """A model's answer as a title that can be shown: one line, short, without what models put around it. None: nothing
    is left that could be a title."""
    lines = (_bare(line) for line in THOUGHTS.sub("", answer)[:READ].splitlines())
    return next((_short(line) for line in lines if line), None)


def _bare(line: str) -> str:
    """The line without marks around it and without the label that some models begin with, however they nest."""
    before = ""
    while line != before:
        before, line = line, LABEL.sub("", line.lstrip(BEFORE).rstrip(AFTER))
    return re.sub(r"\s+", " ", line)


def _short(line: str) -> str:
    """Cut at a word where there is one in the second half."""
    if len(line) <= LONGEST:
        return line
    kept = line[: LONGEST - 1]
    at = kept.rfind(" ")
    return (kept[:at] if at > LONGEST // 2 else kept).rstrip(" ,;:-") + "…"
