"""The corpus of attacks in the real page: `python -m tests.browser.attack` runs all of it, `--sample N` a part.

Each payload lies in the history as if a model or a person had written it, and is drawn by opening its thread. What
counts: a script that ran, a request that left the origin, a link to anything but the web or mail, and a refusal by
the CSP, which means that only the last line of defence held.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Page
from sqlalchemy import insert

from backend.store.database import Database
from backend.store.tables import messages, threads
from tests.browser.chromium import PATIENT, Visit, chromium
from tests.browser.corpus import Payload, corpus, sample
from tests.browser.hostile_models import draw_models
from tests.browser.suspects import Finding, findings, reported, suspects, watched
from tests.support.house import House
from tests.support.valkey import Valkey
from tests.support.waiting import eventually

THREAD = 8  # payloads in one thread: few enough to find the guilty one, many enough to be quick
# Formulas, colours and diagrams are drawn after the text: KaTeX, Shiki and Mermaid are fetched for the first of each.
SETTLED = """(answers) => document.querySelectorAll('article[data-role=assistant]').length === answers
  && !document.querySelector('[data-diagram=waiting], [data-code=waiting], code.language-math, .answer-formula')"""
FORMULAS = "() => document.querySelectorAll('.katex, .katex-error').length"
# The name of a model stands among the details of an answer.
OPEN_DETAILS = "() => document.querySelectorAll('[data-testid=timing]').forEach((button) => button.click())"


class Place(NamedTuple):
    """Where attacks are drawn: a house without workers, and one visitor of it."""

    visit: Visit
    database: Database
    redis_url: str


async def attack(place: Place, payloads: Sequence[Payload], progress: bool = False) -> list[Finding]:
    """Draw every payload in the visitor's page; return what happened that must not happen."""
    groups = grouped(payloads)
    await write(place.database, groups)
    page = await watched(place.visit)
    seen: list[Finding] = []
    for number, group in enumerate(groups):
        seen += await draw(place.visit, page, f"attack-{number}", group)
        if progress and number % 20 == 0:
            print(f"{number * THREAD:5} of {len(payloads)} payloads, {len(seen)} findings", flush=True)
    names = [payload for payload in payloads if payload.place == "model_name"]
    seen += await draw_models(place.visit, page, place.redis_url, names)
    await page.goto("about:blank")
    return [*seen, *reported(place.visit, names)]


def grouped(payloads: Sequence[Payload]) -> list[tuple[Payload, ...]]:
    return [tuple(payloads[start : start + THREAD]) for start in range(0, len(payloads), THREAD)]


async def draw(visit: Visit, page: Page, thread: str, group: tuple[Payload, ...]) -> list[Finding]:
    """Open one thread and look. A late effect of the thread before is reported here, and not lost."""
    await page.goto(f"{visit.origin}/?c={thread}")

    async def settled() -> bool | None:
        return bool(await page.evaluate(SETTLED, len(group))) or None

    try:
        await eventually(settled, PATIENT, f"{thread} is drawn")
    except TimeoutError as error:
        return findings(group, [str(error)])
    await page.evaluate(OPEN_DETAILS)
    undrawn = has_formulas(group) and not await page.evaluate(FORMULAS)
    return [*findings(group, ["no formula was drawn"] if undrawn else []), *await suspects(visit, page, group)]


def has_formulas(group: Sequence[Payload]) -> bool:
    return any(payload.kind.startswith("formula") for payload in group)


async def write(database: Database, groups: Sequence[tuple[Payload, ...]]) -> None:
    """One thread for each group: its payloads as title, question, answer or model, where each belongs."""
    rows: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    now = int(time.time() * 1000)
    for number, group in enumerate(groups):
        thread = f"attack-{number}"
        titles = [payload.text for payload in group if payload.place == "title"]
        heads.append(thread_row(thread, " ".join(titles) or "An attack", now + number))
        parent = None
        for place, payload in enumerate(group):
            question, answer = message_rows(thread, place, payload, parent, now)
            rows += [question, answer]
            parent = answer["id"]
    async with database.write() as connection:
        await connection.execute(insert(threads), heads)
        await connection.execute(insert(messages), rows)


def thread_row(thread: str, title: str, at: int) -> dict[str, Any]:
    return {
        "id": thread,
        "tenant": "local",
        "title": title,
        "title_by": "person",
        "archived": False,
        "settings": {},
        "folded": "",
        "created_at": at,
        "updated_at": at,
    }


def message_rows(
    thread: str, place: int, payload: Payload, parent: str | None, at: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A question and its answer, the payload in one of them."""
    texts = {part: payload.text if payload.place == part else "words" for part in ("user_message", "answer")}
    shared = {"thread_id": thread, "images": [], "folded": "", "created_at": at + 2 * place}
    question = {
        **shared,
        "id": f"q{place}",
        "parent_id": parent,
        "role": "user",
        "status": "complete",
        "text": texts["user_message"],
        "model": None,
        "timings": None,
    }
    model = payload.text[:200] if payload.place == "model_name" else "m"
    answer = {
        **question,
        "id": f"a{place}",
        "parent_id": f"q{place}",
        "role": "assistant",
        "text": texts["answer"],
        "model": model,
        "timings": {"first_token_ms": 1},
        "created_at": at + 2 * place + 1,
    }
    return question, answer


async def run(count: int | None) -> int:
    """Run the corpus in a house of its own; return the exit status."""
    payloads = sample(count) if count else corpus()
    with tempfile.TemporaryDirectory() as folder:
        server = Valkey(Path(folder) / "valkey")
        server.start()
        home = House(Path(folder), server.url, {})
        try:
            api = home.start_api()
            await home.ready()
            async with chromium() as browser:
                visit = Visit(await browser.new_context(), api.url)
                seen = await attack(Place(visit, database_of(home), home.redis_url), payloads, progress=True)
        finally:
            home.stop()
            server.stop()
    for finding in seen:
        print(f"{finding.what}   in one of {', '.join(finding.payloads)}")
    print(f"{len(payloads)} payloads, {len(seen)} findings")
    return 1 if seen else 0


def database_of(home: House) -> Database:
    """Where the house keeps its history."""
    return Database(home.env["DATABASE_URL"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.attack", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", type=int, metavar="N", help="so many, spread over all kinds; default: all")
    sys.exit(asyncio.run(run(parser.parse_args().sample)))


if __name__ == "__main__":
    main()
