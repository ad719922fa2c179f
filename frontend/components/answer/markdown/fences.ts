export type Fence = { readonly language: string; readonly text: string; /** Its closing line is there. */ readonly closed: boolean };

/**
 * The code in a block that is one plain fence and nothing else, or null. Code is most of what makes a block long, and
 * a long block that grows would be parsed whole at each tick.
 */
export function fenceIn(block: string): Fence | null {
  const open = /^\n*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[ \t]*\n/.exec(block);
  if (!open || open[2] === "math" || block.includes("\r")) return null;
  const mark = open[1]!;
  const body = block.slice(open[0].length);
  const end = new RegExp(`(?:^|\\n) {0,3}${mark}${mark[0]}*[ \\t]*\\s*$`).exec(body);
  const text = end ? body.slice(0, end.index) : body.replace(/\n$/, "");
  return { language: open[2]!.toLowerCase(), text, closed: end !== null };
}

/** Whether the text ends inside of a fenced code block, at whatever depth of lists and quotes. */
export function endsInFence(text: string): boolean {
  let open = "";
  for (const line of text.split(/\r\n|\n|\r/)) {
    const fence = /^(?:[ \t>]|[-*+] |\d+[.)] )*(`{3,}|~{3,})(.*)$/.exec(line);
    if (!fence) continue;
    if (!open) open = fence[1]!;
    else if (fence[1]!.startsWith(open) && !fence[2]!.trim()) open = "";
  }
  return open !== "";
}
