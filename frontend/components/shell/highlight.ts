export type MarkedPiece = { text: string; at: number; hit: boolean };

/** A text cut where the query's words begin and end; `at` is the piece's offset. */
export function highlight(text: string, query: string): MarkedPiece[] {
  const words = query.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [{ text, at: 0, hit: false }];
  const pattern = new RegExp(`(${words.map(escaped).join("|")})`, "giu");
  let at = 0;
  return text
    .split(pattern)
    .map((piece, index) => {
      const here = { text: piece, at, hit: index % 2 === 1 };
      at += piece.length;
      return here;
    })
    .filter((piece) => piece.text);
}

/** Escapes only the signs of a pattern's syntax: with the flag `u`, a backslash before any other is an error. */
const escaped = (word: string) => word.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
