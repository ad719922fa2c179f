/** The browser's storage, which never raises: the storage may be full, forbidden, or hold values of an older page. */

type Where = "localStorage" | "sessionStorage"; // of this browser, or of this tab

export function load<T>(key: string, fallback: T, where: Where = "localStorage"): T {
  try {
    const text = window[where].getItem(`sluice.${key}`);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** Undefined removes the key. False: there is no room, or no storage, and the value is not kept. */
export function save(key: string, value: unknown, where: Where = "localStorage"): boolean {
  try {
    if (value === undefined) window[where].removeItem(`sluice.${key}`);
    else window[where].setItem(`sluice.${key}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
