"""The traces of an attack that succeeded, in the page and around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from playwright.async_api import Page

from tests.browser.chromium import TWO_FRAMES, Visit
from tests.browser.corpus import Payload

RAN = "a script ran"
# Reported when it happens, in whatever frame: later nothing is left where the page has moved on to its next thread.
REPORT = f"""(() => {{
  let value;
  const set = (now) => {{
    value = now;
    console.error('{RAN}');
  }};
  Object.defineProperty(window, '__xss', {{ set, get: () => value, configurable: false }});
}})()"""
# What the page must not contain, however it got there; every link and every source is checked.
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
    """A page of this visit that reports every script that runs in it."""
    await visit.context.add_init_script(REPORT)
    return await visit.open()


async def suspects(visit: Visit, page: Page, group: Sequence[Payload]) -> list[Finding]:
    """What is wrong with the page, which has drawn these payloads."""
    await page.evaluate(TWO_FRAMES)  # time to fetch, to run and to be refused
    seen: list[str] = await page.evaluate(SUSPECTS)
    return [*findings(group, seen), *reported(visit, group)]


def reported(visit: Visit, group: Sequence[Payload]) -> list[Finding]:
    """What the browser reported since the last call: each report is returned once, and none is lost."""
    requested = [f"requested {url[:80]}" for url in visit.foreign]
    reports = [*requested, *visit.complaints]
    visit.foreign.clear()
    visit.complaints.clear()
    return findings(group, reports)


def findings(group: Sequence[Payload], what: Sequence[str]) -> list[Finding]:
    names = tuple(payload.id for payload in group)
    return [Finding(names, each) for each in what]
