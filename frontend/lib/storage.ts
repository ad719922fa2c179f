/** localStorage that never raises: it may be full, forbidden, or hold what an older page wrote. */

export function load<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(`sluice.${key}`);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** Undefined forgets the key. */
export function save(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(`sluice.${key}`);
    else localStorage.setItem(`sluice.${key}`, JSON.stringify(value));
  } catch {
    // then it lasts as long as the page
  }
}
