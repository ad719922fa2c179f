"""A title as a model says it, made one that can be shown: one line, short, without what models put around it."""

from __future__ import annotations

import re

LONGEST = 80  # characters
READ = 1_000  # characters of what the model said beside its thoughts: each label in it costs a copy of the rest
THOUGHTS = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
LABEL = re.compile(r"^(?:conversation |chat |thread )?(?:title|name|titel|titre|título)\s*[::-]\s*", re.IGNORECASE)
QUOTES = " \t\"'`´*_~“”„‟‘’‚‛«»‹›「」『』"  # noqa: RUF001 - of many scripts, and Markdown's emphasis
BEFORE, AFTER = QUOTES + "#>-–—:.", QUOTES + ".:"  # noqa: RUF001 - headings and lists begin a line, they end none


def clean_title(said: str) -> str | None:
    """None: nothing is left that could be a title."""
    lines = (_bare(line) for line in THOUGHTS.sub("", said)[:READ].splitlines())
    return next((_short(line) for line in lines if line), None)


def _bare(line: str) -> str:
    """Without marks around it, and without the label that some models begin with, in whichever order they nest."""
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
