/**
 * Whether two dollars, at `begin` and right before `end`, hold a formula or are two prices. Pandoc's rule first: no
 * space behind the opening dollar and before the closing one, and no digit behind that. Prices satisfy the rule, too
 * ("$10 or 25$"), so a formula for Pandoc that reads as money is left alone.
 */
export function isFormula(text: string, begin: number, end: number): boolean {
  const body = text.slice(begin + 1, end - 1);
  if (/^\s|\s$/.test(body) || ACROSS_MARKS.test(body)) return false;
  if (LATEX.test(body)) return true;
  const before = text.slice(Math.max(0, begin - 1), begin);
  const after = text.slice(end, end + 3);
  if (/[A-Za-z\d]/.test(before)) return false; // 25$, US$: the dollar belongs to the letters before it
  if (/^\d|^[A-Z_]{2}/.test(after)) return false; // $5-$10, …:$PATH
  return !namesMoney(body, after);
}

/**
 * Emphasis, struck-out words or a link would begin in the formula and end outside of it, or the other way round; not
 * `X^{**}` and `F[f](x)`.
 */
const ACROSS_MARKS = /(?<![\^{*])\*\*|__|~~|^[^[]*\]\(/;

/** A command, or a raised or lowered sign as in H$_2$O: no price has one. */
const LATEX = /\\[A-Za-z]|^[_^]/;

/** The letters before a dollar that name its country. */
const CURRENCY = /(?:^|[^A-Za-z$^_{])(?:R|US|AU|CA|HK|MX|NT|NZ|SG)$/;
const ANY_CURRENCY = /[\s(,;/][A-Z]{1,3}$/;

function namesMoney(body: string, after: string): boolean {
  const amountFollows = /^\s\d/.test(after);
  if (amountFollows && body.length > 2 && CURRENCY.test(body)) return true;
  if (!/^[.,]?\d/.test(body)) return false;
  if (/\d[-–—/]$/.test(body)) return true; // "$5/$x": the second dollar opens
  if (amountFollows && ANY_CURRENCY.test(body)) return true;
  return WORD.test(body) && /\d[kKmMbB]?$|[A-Z]{1,3}$/.test(body);
}

/** A separate word, which formulas have only behind a command; "mod" is written without a command, too. */
const WORD = /\s(?!mod\s)[A-Za-z]{2,}[\s,.;:)]/;
