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
