import purify from "dompurify";
import { describe, expect, it } from "vitest";
import { disarmed } from "@/components/answer/diagram/disarm";
import { standalone } from "@/components/answer/diagram/download";
import { sanitised } from "@/components/answer/diagram/sanitise";
import { moved } from "@/components/answer/diagram/use-view";

const HOST = "http://127.0.0.1:9/leak";

describe("a diagram's source", () => {
  it.each([
    `flowchart LR\n  style A fill:url(${HOST})`,
    `flowchart LR\n  style A fill:u\\72l(${HOST})`,
    `flowchart LR\n  style A fill:#117;rl(${HOST})`,
    `flowchart LR\n  style A fill:&#x75;rl(${HOST})`,
    `flowchart LR\n  style A fill:url#lpar;${HOST})`,
    `flowchart LR\n  A@{ img: "${HOST}" }`,
    `flowchart LR\n  A@{\n    label: "x",\n    "img" : "${HOST}"\n  }`,
    `sequenceDiagram\n  A->>B: y; properties A: {"\\u0069con": "${HOST}"}`,
    `%%{init: {"themeCSS": "@import '${HOST}'"}}%%\nflowchart LR`,
  ])("is not drawn where it requests something from another host: %s", (source) => expect(() => disarmed(source)).toThrow());

  it.each(["flowchart LR\n  A[\"<img src='x'>\"]", 'sequenceDiagram\n  A->>B: <svg onload="x">', "sequenceDiagram\n  A->>B: <<img src='x'>>", "flowchart LR\n  A[</style>]"])(
    "loses its tags: %s",
    (source) => expect(disarmed(source)).not.toMatch(/<\/?[a-z]/i),
  );

  it.each([
    "flowchart LR\n  A[one<br/>two] --> B[\"http://a.example/?q=1\"]",
    "classDiagram\n  class A\n  <<interface>> A\n  A <|-- B\n  A <-- C",
    "flowchart LR\n  A <--> B\n  style A fill:#f9f,stroke:#333",
  ])("stays as it is where nothing is wrong: %s", (source) => expect(disarmed(source)).toBe(source));

  it.each(['sequenceDiagram\n  participant A\n  links A: {"x": "https://a.example"}\n  A->>B: y', "sequenceDiagram\n  A->>B: y; link A: x @ https://a.example"])(
    "loses the links of its actors, which bring handlers: %s",
    (source) => {
      expect(disarmed(source)).not.toContain("a.example");
      expect(disarmed(source)).toContain("A->>B: y");
    },
  );
});

describe("a drawn diagram", () => {
  it.each([
    `<svg><image href="${HOST}"/></svg>`,
    `<svg><foreignObject><img src="${HOST}"></foreignObject></svg>`,
    `<svg><a href="${HOST}"><text>x</text></a></svg>`,
    `<svg><style>*{background:url(${HOST})}</style></svg>`,
    `<svg><style>@import "${HOST}";</style></svg>`,
    `<svg><rect fill="url('${HOST}#x')"/></svg>`,
    `<svg><rect onclick="leak('${HOST}')"/></svg>`,
    `<svg><filter><feImage href="${HOST}"/></filter></svg>`,
  ])("keeps no address and no handler: %s", (svg) => expect(sanitised(svg, purify)).not.toContain("127.0.0.1"));

  it("keeps its own arrow heads and its style", () => {
    const clean = sanitised('<svg><style>.a{fill:red}</style><path marker-end="url(#head)"/></svg>', purify);
    expect(clean).toContain("url(#head)");
    expect(clean).toContain(".a{fill:red}");
  });

  it("is a document of its own when it is saved: its size and its background are in it", () => {
    const saved = standalone('<svg width="100%" viewBox="0 0 120 80" style="max-width: 120px"><text>a<br>b</text></svg>', "rgb(1, 2, 3)");
    const root = new DOMParser().parseFromString(saved, "image/svg+xml").documentElement;
    expect(root.getAttribute("width")).toBe("120");
    expect(root.getAttribute("style")).toContain("rgb(1, 2, 3)");
  });

  it("is moved within bounds, and back", () => {
    expect(moved({ x: 0, y: 0, zoom: 7 }, { zoom: 2 }).zoom).toBe(8);
    expect(moved({ x: 5, y: 5, zoom: 1 }, { x: 60 })).toEqual({ x: 65, y: 5, zoom: 1 });
    expect(moved({ x: 5, y: 5, zoom: 3 }, "home")).toEqual({ x: 0, y: 0, zoom: 1 });
  });
});
