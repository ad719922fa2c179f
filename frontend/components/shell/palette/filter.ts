export type Entry = { id: string; title: string; section: string; words?: string };

/**
 * Entries that hold every word of the query, best first: title's beginning, a word's beginning, anywhere. Ties keep
 * their order.
 */
export function filterEntries<T extends Entry>(entries: readonly T[], query: string): T[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...entries];
  return entries
    .map((entry, at) => ({ entry, at, score: scoreOf(entry, words) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.at - b.at)
    .map(({ entry }) => entry);
}

function scoreOf(entry: Entry, words: string[]): number {
  const title = entry.title.toLowerCase();
  const all = `${title} ${entry.words ?? ""} ${entry.section}`.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const score = rank(title, all, word);
    if (score === 0) return 0;
    sum += score;
  }
  return sum;
}

function rank(title: string, all: string, word: string): number {
  if (title.startsWith(word)) return 4;
  if (title.includes(` ${word}`)) return 3;
  if (title.includes(word)) return 2;
  return all.includes(word) ? 1 : 0;
}
