"""Markdown: all the places where an address may stand."""

from __future__ import annotations

from collections.abc import Iterator

from tests.browser.corpus.payload import Marks
from tests.browser.corpus.vectors import leaking, running

LINKS = (
    "[words]({url})",
    "[words](<{url}>)",
    '[words]({url} "title")',
    "<{url}>",
    "[words][ref]\n\n[ref]: {url}",
    "[words][]\n\n[words]: <{url}> 'title'",
    "[REF]\n\n# between\n\n[ref]: {url}",
    "| head |\n| --- |\n| [words]({url}) |",
    "> - [x] [words]({url})",
    "Words[^1].\n\n[^1]: A note with [words]({url}).",
    "[**bold** `code`]({url})\n===",
    "{url}",
)

IMAGES = (
    "![words]({url})",
    "![words](<{url}> 'title')",
    "![words][ref]\n\n[ref]: {url}",
    "![ref]\n\n> [ref]: {url}",
    "[![words]({url})](https://a.example)",
    "| head |\n| --- |\n| ![]({url}) |",
    "- ![words]({url})\n  ![again]({url})",
    "# ![words]({url})",
    "Words[^1].\n\n[^1]: ![words]({url})",
    "![a ![b]({url}) c]({url})",
)

BREAKOUTS = (
    '[words](https://a.example "{quote} onmouseover={script} x={quote}")',
    "![words](https://a.example{quote} onerror={quote}{script})",
    "![{quote} onerror={quote}{script}](data:image/png;base64,AAAA)",
    "```{quote} onmouseover={script} x={quote}\ncode\n```",
    "```js{quote}><img src=x onerror={script}>\ncode\n```",
    "[^{quote}onload={script}]\n\n[^{quote}onload={script}]: note",
    "<https://a.example/{quote}onmouseover={script}>",
    "https://a.example/{quote}onmouseover={script}",
    "`{quote}><img src=x onerror={script}>`",
    "| {quote} onload={script} |\n| :--{quote}-: |\n| x |",
    "[words]: https://a.example '{quote}><svg onload={script}>'\n\n[words]",
    "<!-- --!><img src=x onerror={script}> -->",
)

QUOTES = ('"', "'", "`", "&quot;", "&#39;", '\\"', "%22")


def links(marks: Marks) -> Iterator[str]:
    """Links that run something when they are followed."""
    for number, url in enumerate(running(marks)):
        for template in (
            LINKS[number % len(LINKS)],
            LINKS[(number * 5 + 1) % len(LINKS)],
            LINKS[(number * 7 + 2) % len(LINKS)],
        ):
            yield template.format(url=url)


def images(marks: Marks) -> Iterator[str]:
    """Images that send their address to another host, or run as documents."""
    for place, template in enumerate(IMAGES):
        for url in leaking(marks, f"image{place}"):
            yield template.format(url=url)
    for number, url in enumerate(running(marks)):
        yield IMAGES[number % len(IMAGES)].format(url=url)


def breakouts(marks: Marks) -> Iterator[str]:
    """Words that try to become attributes or markup."""
    for template in BREAKOUTS:
        for mark in QUOTES:
            yield template.format(quote=mark, script=marks.script)
