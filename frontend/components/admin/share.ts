/**
 * `next`, made of `old`'s parts wherever they are equal.
 *
 * A snapshot comes every second and is mostly equal to the one before: a part that is the same object is not drawn
 * again.
 */
export function share<T>(old: unknown, next: T): T {
  if (Object.is(old, next)) return next;
  if (Array.isArray(next)) return list(Array.isArray(old) ? old : [], next) as T;
  if (plain(old) && plain(next)) return fields(old, next) as T;
  return next;
}

function list(old: unknown[], next: unknown[]): unknown[] {
  const shared = next.map((item, index) => share(partner(old, item, index), item));
  return old.length === shared.length && shared.every((item, index) => item === old[index]) ? old : shared;
}

/**
 * The former item to compare with: the one with the same id, wherever it stood; without an id the one in the same
 * place.
 */
function partner(old: unknown[], item: unknown, index: number): unknown {
  if (!plain(item) || !("id" in item)) return old[index];
  return old.find((former) => plain(former) && former["id"] === item["id"]);
}

function fields(old: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const names = Object.keys(next);
  const shared = Object.fromEntries(names.map((name) => [name, share(old[name], next[name])]));
  const same = names.length === Object.keys(old).length && names.every((name) => name in old && shared[name] === old[name]);
  return same ? old : shared;
}

const plain = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
