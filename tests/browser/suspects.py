"""What an attack that succeeded leaves to be seen, in the page and around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from playwright.async_api import Page

from tests.browser.chromium import TWO_FRAMES, Visit
from tests.browser.corpus import Payload

RAN = "a script ran"
# Told when it happens, in whatever frame: who looks later finds nothing where the page has gone on to its next thread.
TELL = f"""(() => {{
  let value;
  const set = (now) => {{
    value = now;
    console.error('{RAN}');
  }};
  Object.defineProperty(window, '__xss', {{ set, get: () => value, configurable: false }});
}})()"""
# What the page must not hold, however it came there; every link and every source is looked at.
SUSPECTS = """() => {
  const bad = [];
  const allowed = /^(https?:|mailto:|#|\\/)/i;
  for (const link of document.querySelectorAll('a, area, use, image, [*|href]:not(head *)')) {
    const href = link.getAttribute('href') ?? link.getAttributeNS('http://www.w3.org/1999/xlink', 'href');
    if (href && !allowed.test(href.trim())) bad.push('link: ' + href.slice(0, 80));
  }
  for (const tag of document.querySelectorAll('main :is(iframe, object, embed, script, base, link, meta)'))
    bad.push('element: ' + tag.outerHTML.slice(0, 80));
  for (const node of document.querySelectorAll('body *'))
    for (const { name } of node.attributes) if (/^on/i.test(name)) bad.push('handler: ' + name);
  return bad;
}"""


class Finding(NamedTuple):
    """Something that happened while these payloads were drawn."""

    payloads: tuple[str, ...]
    what: str


async def watched(visit: Visit) -> Page:
    """A page of this visit that tells of every script that runs in it."""
    await visit.context.add_init_script(TELL)
    return await visit.open()


async def suspects(visit: Visit, page: Page, group: Sequence[Payload]) -> list[Finding]:
    """What is wrong with the page, which has drawn these payloads."""
    await page.evaluate(TWO_FRAMES)  # in which to fetch, to run and to be refused
    seen: list[str] = await page.evaluate(SUSPECTS)
    return [*findings(group, seen), *told(visit, group)]


def told(visit: Visit, group: Sequence[Payload]) -> list[Finding]:
    """What the browser told since this was asked last: it is told once, and nothing of it is lost."""
    asked = [f"asked {url[:80]}" for url in visit.foreign]
    said = [*asked, *visit.complaints]
    visit.foreign.clear()
    visit.complaints.clear()
    return findings(group, said)


def findings(group: Sequence[Payload], what: Sequence[str]) -> list[Finding]:
    names = tuple(payload.id for payload in group)
    return [Finding(names, one) for one in what]
