"""The page at `/` where no page was built: the API works, and a person should learn why that is all."""

from __future__ import annotations

from backend.site.files import ASK_AGAIN, TYPES, Site, as_headers, make_file

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
TEXT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice: {title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 15vh auto; padding: 0 1.5rem }}
</style>
</head>
<body>
<main>
<h1>{heading}</h1>
{text}
<p>Meanwhile: <a href="/docs">the API's documentation</a>.</p>
</main>
</body>
</html>
"""
NOT_BUILT = {
    "title": "the page is not built",
    "heading": "The page is not built",
    "text": """<p>The API runs here and answers; only the chat page is missing. To build it, install Node 20 or newer
(or run <code>make node</code>), then run <code>make page</code> in Sluice's folder and start Sluice again.
<code>make up</code> builds it by itself.</p>""",
}
ELSEWHERE = {
    "title": "the page is elsewhere",
    "heading": "The page is elsewhere",
    "text": "<p>The API runs here and answers. Another server has the chat page.</p>",
}


def missing_site(*, elsewhere: bool = False) -> Site:
    """A site of this one page. `elsewhere`: another server has the real one."""
    text = TEXT.format(**(ELSEWHERE if elsewhere else NOT_BUILT)).encode()
    return Site({"/": make_file({"": text}, TYPES[".html"], ASK_AGAIN, as_headers(HEADERS))})
