import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { renderToStaticMarkup } from "react-dom/server";
import ReactMarkdown from "react-markdown";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Answer } from "@/components/answer";
import { blocksOf } from "@/components/answer/markdown/blocks";
import { remarkPlugins } from "@/components/answer/markdown/plugins";
import { markdownText, seeded } from "./markdown-texts";

afterEach(cleanup);

const draw = (text: string, running = false) => render(<Answer text={text} running={running} />).container;

describe("links", () => {
  it("open beside the chat and send the other site nothing about it", () => {
    const link = draw("[words](https://a.example/x)").querySelector("a");
    expect(link?.target).toBe("_blank");
    expect(link?.rel).toBe("noopener noreferrer nofollow");
    expect(link?.href).toBe("https://a.example/x");
  });

  it.each(["javascript:alert(1)", "java\\tscript:x", "JaVaScRiPt:x", "data:text/html,x", "vbscript:x", "/admin/", "//evil.example", "file:///etc", "blob:x"])(
    "to %s are words",
    (address) => {
      const container = draw(`[words](<${address}>)`);
      expect(container.querySelector("a")).toBeNull();
      expect(container.textContent).toContain("words");
    },
  );

  it("find definitions in other blocks, also in later ones", () => {
    const { container, rerender } = render(<Answer text={"see [it][There]\n\n"} running />);
    expect(container.querySelector("a")).toBeNull();
    rerender(<Answer text={"see [it][There]\n\n# Next\n\n[there]: https://a.example/\n"} running />);
    expect(container.querySelector("a")?.href).toBe("https://a.example/");
  });
});

describe("what is never drawn", () => {
  it("HTML: it is shown as it is written", () => {
    const container = draw('<img src=x onerror="alert(1)"> and <b>this</b>\n\n<script>alert(1)</script>\n');
    expect(container.querySelector("img, b, script")).toBeNull();
    expect(container.textContent).toContain("<script>alert(1)</script>");
  });

  it.each(["https://evil.example/?q=1", "//evil.example/x", "data:image/svg+xml;base64,AAAA", "/api/threads"])("an image from %s", (address) => {
    const container = draw(`![a cat](${address})`);
    expect(container.querySelector("img")).toBeNull();
    expect(container.textContent).toContain("a cat");
  });

  it("an image in a link as anything but its words", () => {
    const container = draw("[![badge](https://evil.example/b.svg)](https://a.example)");
    expect(container.querySelectorAll("a")).toHaveLength(1);
    expect(container.textContent).toBe("badge");
  });
});

describe("what is drawn", () => {
  it("an image that is in the text itself", () => {
    expect(draw("![dot](data:image/png;base64,iVBORw0KGgo=)").querySelector("img")?.alt).toBe("dot");
  });

  it("headings below the page's own", () => {
    const container = draw("# One\n\n## Two\n\n###### Six\n");
    expect([...container.querySelectorAll("h1,h2,h3,h4,h5,h6")].map((element) => element.tagName)).toEqual(["H3", "H4", "H6"]);
  });

  it("a table that the keyboard can scroll, with line breaks in its cells", () => {
    const container = draw("| a | b |\n| - | - |\n| one<br>two | 2 |\n");
    expect(screen.getByRole("group", { name: "Table" }).tabIndex).toBe(0);
    expect(container.querySelector("td br")).not.toBeNull();
  });

  it("tasks that show whether they are done", () => {
    draw("- [x] one\n- [ ] two\n");
    expect(screen.getAllByRole("checkbox").map((element) => element.getAttribute("aria-label"))).toEqual(["done", "to do"]);
  });

  it("footnotes, wherever the note stands", () => {
    const container = draw("Words[^1].\n\n# Notes\n\n[^1]: The note.\n");
    const mark = screen.getByRole("link", { name: "Footnote 1" });
    expect(container.querySelector(`[id="${mark.getAttribute("href")!.slice(1)}"]`)?.textContent).toContain("The note.");
  });

  it("formulas, once KaTeX is there", async () => {
    const container = draw("Inline $x^2$ and \\(y\\), and:\n\n$$\nz\n\n+ 1\n$$\n");
    await waitFor(() => expect(container.querySelectorAll(".katex")).toHaveLength(3));
    expect(container.querySelectorAll(".katex-display")).toHaveLength(1);
  });

  it("a fence of math as a formula, and a formula that would take long as its source", async () => {
    const long = "x".repeat(4_001);
    const container = draw(`Words.\n\n\`\`\`math\nz + 1\n\`\`\`\n\n\`\`\`math\n${long}\n\`\`\`\n`);
    await waitFor(() => expect(container.querySelectorAll(".katex")).toHaveLength(1));
    expect(container.querySelector("pre code")?.textContent).toBe(long);
  });

  it("prices as prices", async () => {
    const container = draw("From $5 to $10, and $x$.");
    await waitFor(() => expect(container.querySelectorAll(".katex")).toHaveLength(1));
    expect(container.textContent).toContain("From $5 to $10, and ");
  });

  it("no link, image or markup out of a formula", async () => {
    const container = draw(String.raw`$\href{javascript:alert(1)}{x}$ $\includegraphics{https://evil.example}$ $\htmlData{a=b}{x}$ $y$`);
    await waitFor(() => expect(container.querySelector(".katex")).not.toBeNull());
    expect(container.querySelector("a, img, [data-a]")).toBeNull();
  });
});

describe("words from right to left", () => {
  const directions = (text: string, selector: string) => [...draw(text).querySelectorAll(selector)].map((element) => element.getAttribute("dir"));

  it.each([
    ["paragraphs, headings and quotes", "# שלום\n\nمرحبا\n\nwords\n\n> עוד\n", "h3, p, blockquote", ["auto", "auto", "auto", "rtl", "auto"]],
    ["lists, item by item", "- שלום\n- words\n- 1\n", "ul, li", ["rtl", "rtl", "ltr", null]],
    ["loose lists", "1. שלום\n\n2. words\n", "ol, li, li > p", ["rtl", "rtl", "auto", "ltr", "auto"]],
    ["tables, cell by cell", "| שם | n |\n| - | - |\n| דן | 5 |\n", "[role=group], table, th, td", ["rtl", null, "auto", "auto", "auto", null]],
    ["footnotes", "[^1]: הערה\n", "[role=note], [role=note] p", ["rtl", "auto"]],
    ["a quote in another language", "> words\n", "blockquote", ["ltr"]],
    ["a letter behind signs and numbers", "- 1. **«שלום»**\n", "ul", ["rtl"]],
  ])("%s have their own direction", (_, text, selector, expected) => expect(directions(text, selector)).toEqual(expected));

  it("leave code and diagrams as they are, and code does not decide", () => {
    const container = draw("- `git` הוא כלי\n  ```sh\n  ls\n  ```\n  ```mermaid\n  flowchart LR\n  ```\n");
    expect(container.querySelector("ul")?.dir).toBe("rtl");
    expect([...container.querySelectorAll("li code, figure")].map((element) => element.getAttribute("dir"))).toEqual(["ltr", "ltr", null, "ltr", null]);
  });

  it("leave formulas as they are, before and after they are drawn", async () => {
    const container = draw("$x$ הוא משתנה\n\n- $y$ גם\n");
    expect(container.querySelector("ul")?.dir).toBe("rtl");
    await waitFor(() => expect([...container.querySelectorAll(".katex")].map((element) => element.getAttribute("dir"))).toEqual(["ltr", "ltr"]));
  });
});

describe("code", () => {
  it("is coloured once its fence is closed, and stays the same text", async () => {
    const { container, rerender } = render(<Answer text={"```py\ndef f():\n    return 1\n"} running />);
    await new Promise((resolve) => setTimeout(resolve));
    expect(container.querySelector("code span")).toBeNull();
    rerender(<Answer text={"```py\ndef f():\n    return 1\n```\n"} running />);
    await waitFor(() => expect(container.querySelector("code span[style*=light-dark]")).not.toBeNull());
    expect(container.querySelector("code")?.textContent).toBe("def f():\n    return 1");
  });

  it("is copied on a page by plain HTTP from another host, where there is no clipboard, and the focus stays", async () => {
    let selected = "";
    const execCommand = vi.fn(() => {
      const field = document.activeElement as HTMLTextAreaElement;
      selected = field.value.slice(field.selectionStart, field.selectionEnd);
      return true;
    });
    Object.assign(document, { execCommand });
    draw("```sh\n  ls\n\n\tcd\n```\n");
    const button = screen.getByRole("button", { name: "Copy the sh code" });
    button.focus();
    fireEvent.click(button);
    await waitFor(() => expect(screen.getByRole("status").textContent).toBe("Copied"));
    expect([execCommand.mock.calls, selected, document.activeElement]).toEqual([[["copy"]], "  ls\n\n\tcd", button]);
    expect(document.querySelector("textarea")).toBeNull();
    execCommand.mockReturnValue(false);
    fireEvent.click(button);
    await waitFor(() => expect(screen.getByRole("status").textContent).toBe("Not copied: the browser forbids it"));
  });

  it("is copied, and reports it", async () => {
    const writeText = vi.fn(() => Promise.resolve());
    vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText } });
    draw("```sh\nls\n```\n");
    fireEvent.click(screen.getByRole("button", { name: "Copy the sh code" }));
    await waitFor(() => expect(screen.getByRole("status").textContent).toBe("Copied"));
    expect(writeText).toHaveBeenCalledWith("ls");
    vi.unstubAllGlobals();
  });

  it.each(["x\n", "x", "\nx\n\n", "```\n", "  x\n\ty\n", "x   \n"])("in a block of its own is what Markdown makes of it: %j", (code) => {
    for (const end of ["", "~~~", "~~~\n\n", "  ~~~~  \n"]) {
      const text = `~~~py\n${code}${end}`;
      const whole = renderToStaticMarkup(<ReactMarkdown>{text}</ReactMarkdown>);
      const expected = new DOMParser().parseFromString(whole, "text/html").querySelector("code")?.textContent?.replace(/\n$/, "");
      expect(draw(text).querySelector("code")?.textContent).toBe(expected);
      cleanup();
    }
  });

  it("of an unknown language stays plain", () => {
    expect(draw("```nonsense\na < b\n```\n").querySelector("code")?.textContent).toBe("a < b");
  });
});

type Tree = { children: { type: string; position: { start: { offset: number }; end: { offset: number } } }[] };

/** Type and place of the top-level nodes that the renderer sees. */
function seen(text: string, offset: number): string[] {
  let nodes: string[] = [];
  const look = () => (tree: Tree) => {
    nodes = tree.children.map(({ type, position }) => `${type} ${position.start.offset + offset}-${position.end.offset + offset}`);
  };
  renderToStaticMarkup(<ReactMarkdown remarkPlugins={[...remarkPlugins!.slice(0, 2), look]}>{text}</ReactMarkdown>);
  return nodes;
}

describe("the renderer", () => {
  // The rest are texts that no one writes: a bare list mark or a lone tag glued to the end of a table.
  it("finds the same in the blocks as in the whole text, in 99 of 100 wild texts", () => {
    const random = seeded(4);
    const different: string[] = [];
    for (let round = 0; round < 500; round++) {
      const text = markdownText(random, 14).replaceAll(/\r\n?/g, "\n").replaceAll("\\[", "");
      let offset = 0;
      const apart = blocksOf(text).flatMap((block) => {
        const nodes = seen(block.text, offset);
        offset += block.text.length;
        return nodes;
      });
      const whole = seen(text, 0);
      if (apart.join("|") !== whole.join("|")) different.push(`${JSON.stringify(text)}\n  whole ${whole.join("|")}\n  apart ${apart.join("|")}`);
    }
    expect(different.length, different.slice(0, 20).join("\n")).toBeLessThan(5);
  });
});
