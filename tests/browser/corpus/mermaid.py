"""Diagrams: click handlers, configuration, pictures and styles."""

from __future__ import annotations

from collections.abc import Iterator

from tests.browser.corpus.payload import Marks
from tests.browser.corpus.vectors import leaking, running

# `{{` and `}}` are the braces of Mermaid and JSON.
FOLLOWED = (
    'flowchart LR\n  A --> B\n  click A "{url}"',
    'flowchart LR\n  A --> B\n  click A href "{url}" "tip" _self',
    "flowchart LR\n  A[\"<a href='{url}'>x</a>\"] --> B",
    "sequenceDiagram\n  participant A\n  link A: x @ {url}\n  A->>B: y",
    'sequenceDiagram\n  participant A\n  links A: {{"x": "{url}"}}\n  A->>B: y',
    'classDiagram\n  class A\n  link A "{url}" "tip"',
    'classDiagram\n  class A\n  click A href "{url}"',
    'stateDiagram-v2\n  [*] --> A\n  click A "{url}" "tip"',
    'gantt\n  dateFormat YYYY-MM-DD\n  section S\n  T :t1, 2026-01-01, 3d\n  click t1 href "{url}"',
    'C4Context\n  Person(a, "A", "x", $link="{url}")',
    'requirementDiagram\n  requirement r {{\n    id: 1\n    text: "{url}"\n    risk: high\n  }}',
    'gitGraph\n  commit id: "{url}"',
)

FETCHED = (
    "flowchart LR\n  A[\"<img src='{url}'>\"] --> B",
    'flowchart LR\n  A@{{ img: "{url}", label: "x", h: 60, w: 60 }}\n  A --> B',
    "flowchart LR\n  A --> B\n  style A fill:url({url})",
    "flowchart LR\n  A --> B\n  classDef c fill:#fff,background-image:url({url})\n  class A c",
    "flowchart LR\n  A --> B\n  linkStyle 0 stroke:url({url})",
    '%%{{init: {{"themeCSS": "*{{background:url({url})}}"}}}}%%\nflowchart LR\n  A --> B',
    '%%{{init: {{"themeVariables": {{"primaryColor": "url({url})"}}, "theme": "base"}}}}%%\nflowchart LR\n  A --> B',
    '%%{{init: {{"fontFamily": "x;}}@import url({url});"}}}}%%\nflowchart LR\n  A --> B',
    '---\nconfig:\n  themeCSS: "@import url({url});"\n---\nflowchart LR\n  A --> B',
    "---\nconfig:\n  securityLevel: loose\n  htmlLabels: true\n---\nflowchart LR\n  A[\"<img src='{url}'>\"] --> B",
    '%%{{init: {{"securityLevel": "loose", "htmlLabels": true}}}}%%\nflowchart LR\n  A["<img src=\'{url}\'>"] --> B',
    'flowchart LR\n  A["`![x]({url})`"] --> B',
    'sequenceDiagram\n  participant A\n  properties A: {{"class": "x", "icon": "{url}"}}\n  A->>B: <img src="{url}">',
    'C4Context\n  Person(a, "A", "x", $sprite="{url}")\n  UpdateElementStyle(a, $bgColor="url({url})")',
    "classDiagram\n  class A\n  style A fill:url({url})",
    "stateDiagram-v2\n  classDef c fill:url({url})\n  [*] --> A\n  class A c",
    "mindmap\n  root[\"<img src='{url}'>\"]",
    "erDiagram\n  A ||--o{{ B : \"<img src='{url}'>\"",
    "flowchart LR\n  A --> B\n  style A fill:u\\72l({url})",
    "stateDiagram-v2\n  classDef c fill:\\75 rl('{url}')\n  [*] --> A\n  class A c",
    "classDiagram\n  class A\n  style A fill:#117;rl({url})",
    "flowchart LR\n  A[\"&lt;img src='{url}'&gt;\"] --> B",
    "sequenceDiagram\n  A->>B: #lt;img src='{url}'#gt;",
    'flowchart LR\n  A@{{\n    label: "x",\n    "img": "{url}"\n  }}',
    "sequenceDiagram\n  A->>B: <<img src='{url}'>>",
    "stateDiagram-v2\n  [*] --> A\n  style A fill:image-set('{url}' 1x)",
    'sequenceDiagram\n  actor A\n  properties A: {{"\\u0069con": "{url}"}}\n  A->>B: y',
    'sequenceDiagram\n  A->>B: y; properties A: {{"icon": "{url}"}}',
    'pie title <img src="{url}">\n  "a" : 1',
    "block-beta\n  a\n  style a fill:url({url})",
)

SCRIPTED = (
    'flowchart LR\n  A["{markup}"] --> B',
    "flowchart LR\n  A -->|{markup}| B",
    "flowchart LR\n  subgraph {markup}\n  A\n  end",
    "flowchart LR\n  A --> B\n  click A call {script}",
    'flowchart LR\n  A --> B\n  click A callback "{script}"',
    "sequenceDiagram\n  A->>B: {markup}",
    "sequenceDiagram\n  participant A as {markup}\n  Note over A: {markup}",
    "classDiagram\n  class A {{\n    {markup}\n  }}",
    "stateDiagram-v2\n  A : {markup}",
    'erDiagram\n  A {{\n    string x "{markup}"\n  }}',
    "gantt\n  title {markup}\n  section {markup}\n  T :2026-01-01, 3d",
    'pie title {markup}\n  "{markup}" : 1',
    "journey\n  title {markup}\n  section {markup}\n    {markup}: 5: Me",
    "mindmap\n  root(({markup}))",
    "timeline\n  title {markup}\n  2026 : {markup}",
    'gitGraph\n  commit id: "{markup}"',
    'quadrantChart\n  title {markup}\n  "{markup}": [0.3, 0.6]',
    'xychart-beta\n  title "{markup}"\n  bar [1, 2]',
    '%%{{init: {{"securityLevel": "loose"}}}}%%\nflowchart LR\n  A["{markup}"] --> B',
    "---\ntitle: {markup}\n---\nflowchart LR\n  A --> B",
    '---\nconfig:\n  dompurifyConfig:\n    ADD_ATTR: [onerror]\n---\nflowchart LR\n  A["{markup}"] --> B',
    '%%{{init: {{"__proto__": {{"securityLevel": "loose"}}}}}}%%\nflowchart LR\n  A["{markup}"]',
    "{markup}",
    "flowchart LR\n  {markup}",
)

MARKUP = (
    "<img src=x onerror={script}>",
    "<script>{script}</script>",
    "<svg onload={script}>",
    "<iframe srcdoc='<script>parent.{script}</script>'></iframe>",
    "&lt;img src=x onerror={script}&gt;",
    "#lt;img src=x onerror={script}#gt;",
    "#60;img src=x onerror={script}#62;",
    "<style><img src=x onerror={script}></style>",
    "$$\\\\href{{javascript:{script}}}{{x}}$$",
)


def fenced(diagram: str) -> str:
    return f"A diagram:\n\n```mermaid\n{diagram}\n```\n\nWords behind it."


def links(marks: Marks) -> Iterator[str]:
    urls = list(running(marks))
    for place, template in enumerate(FOLLOWED):
        for number in range(8):
            yield fenced(template.format(url=urls[(place * 7 + number * 11) % len(urls)]))


def fetches(marks: Marks) -> Iterator[str]:
    for place, template in enumerate(FETCHED):
        for url in leaking(marks, f"mermaid{place}"):
            yield fenced(template.format(url=url))


def scripts(marks: Marks) -> Iterator[str]:
    for template in SCRIPTED:
        for markup in MARKUP:
            yield fenced(template.format(markup=markup.format(script=marks.script), script=marks.script))
