/** Which dollars are formulas and which are money, as the text is drawn. */
import { renderToStaticMarkup } from "react-dom/server";
import ReactMarkdown from "react-markdown";
import { expect, it } from "vitest";
import { withDollars } from "@/components/answer/markdown/formulas";
import { remarkPlugins } from "@/components/answer/markdown/plugins";

/** What is left for KaTeX to draw. */
function formulasIn(text: string): string[] {
  const html = renderToStaticMarkup(<ReactMarkdown remarkPlugins={remarkPlugins}>{withDollars(text)}</ReactMarkdown>);
  const drawn = new DOMParser().parseFromString(html, "text/html");
  return Array.from(drawn.querySelectorAll(".language-math"), ({ textContent }) => textContent);
}

it.each([
  "**$15** for one, R$ 80 for all",
  "$5-$10 or 25$",
  "$15 here, R$ 80 there",
  "Plan A costs $20 (R$ 100), plan B US$ 30.",
  "from $5 to $10",
  "$5–$10, or 25$.",
  "$5 to 10$",
  "25$ or 30$",
  "25$-30$",
  "**$15** or **20$**",
  "*$5* and *10$*",
  "~~$5~~ 4$",
  "__$5__ 4$",
  "[$5](https://a.example) or 4$",
  "$1,299.99 or 1,199$",
  "$10M or 25M$",
  "$5, $6 and 7$",
  "A$5, C$6, HK$ 7, NT$8",
  "$20, A$ 30",
  "US$5/US$ 6",
  "$5 `a` 6$",
  "$.99 each, or 2 for 1.50$",
  "set $HOME/bin:$PATH anew",
  "$5/\\$6/$7",
  "$HOME and $PATH",
  "$ 5 $",
  "cheap ($$) to dear ($$$)",
  "$$ – $$$",
  "It is $$$",
  "| $5 | 10$ |\n| - | - |\n| $6/unit|7$ |",
])("%j has no formula", (text) => expect(formulasIn(text)).toEqual([]));

it.each([
  ["$x^2$", ["x^2"]],
  ["$5x + 3$ and $2^{10}$", ["5x + 3", "2^{10}"]],
  ["$10$ and $100\\%$", ["10", "100\\%"]],
  ["$5 + 3 = 8$", ["5 + 3 = 8"]],
  ["$5 \\text{ apples or } 7$", ["5 \\text{ apples or } 7"]],
  ["$17 \\bmod 5$ and $17 mod 5$", ["17 \\bmod 5", "17 mod 5"]],
  ["**$x$** and *$y$*", ["x", "y"]],
  ["($x$), “$y$” and $n$th", ["x", "y", "n"]],
  ["设$x$为正数", ["x"]],
  ["اگر $x$ باشد", ["x"]],
  ["$a * b * c$ and $X^{**}$", ["a * b * c", "X^{**}"]],
  ["$F[f](x)$ and $[0, 1]$", ["F[f](x)", "[0, 1]"]],
  ["$x_1 + x_2$", ["x_1 + x_2"]],
  ["$R$ 5 and $AB$ 6", ["R", "AB"]],
  ["$5 and then $x$", ["x"]],
  ["$5/$x$", ["x"]],
  ["R$ 80 where $x = 3$", ["x = 3"]],
  ["H$_2$O, 10$^{-3}$ m, 2$\\pi$ and $\\times$10", ["_2", "^{-3}", "\\pi", "\\times"]],
  ["$f: X \\to R$ 1-Lipschitz", ["f: X \\to R"]],
  ["$|x|$", ["|x|"]],
  ["| $5/unit|$x$ |\n| - | - |", ["x"]],
  ["\\(5 or 6\\)", ["5 or 6"]],
  ["\\[x\\]", ["x"]],
  ["$$5 or 6$$", ["5 or 6"]],
  ["words $$ x = 1 $$ words", ["x = 1"]],
])("%j has the formulas %j", (text, formulas) => expect(formulasIn(text)).toEqual(formulas));

it.each([
  "https://a.example/$metadata?x=$5",
  "see www.a.example/$a",
  "1. Run:\n   ```sh\n   echo $HOME \\(x\\)\n   ```",
  "1. Run:\n   ```sh\n   echo $HOME",
  "`$5`",
])("%j stays as it is", (text) => expect(withDollars(text)).toBe(text));

it("code in a list stays as it is, however long it is", () => {
  const text = `- item\n  ~~~sh\n${"  echo $HOME\n".repeat(500)}  ~~~`;
  expect(withDollars(text) === text).toBe(true);
});
