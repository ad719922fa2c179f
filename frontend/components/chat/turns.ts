/** A question and the answers below it: message indices `start` ≤ i < `end`. `key` is the first message's id. */
export type Turn = { key: string; start: number; end: number };

/** Messages as one string, so that a store that changes per token compares equal: `u<id> a<id> …`. */
export const outlineOf = (messages: readonly { id: string; role: string }[]) =>
  messages.map(({ id, role }) => `${role.charAt(0)}${id}`).join(" ");

/** Each message of the user begins a turn; messages before the first of them are a turn of their own. */
export function turnsOf(outline: string): Turn[] {
  const turns: Turn[] = [];
  for (const [index, token] of outline.split(" ").entries()) {
    const last = turns.at(-1);
    if (!token) continue;
    if (!last || token.startsWith("u")) turns.push({ key: token.slice(1), start: index, end: index + 1 });
    else last.end = index + 1;
  }
  return turns;
}

/** The index of the first turn to draw, so that about `messages` messages are drawn, in whole turns. */
export function firstDrawn(turns: readonly Turn[], messages: number): number {
  const end = turns.at(-1)?.end ?? 0;
  const first = turns.findIndex((turn) => turn.start >= end - messages);
  return first === -1 ? Math.max(0, turns.length - 1) : first;
}
