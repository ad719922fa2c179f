/** A start of `act` after `ms`, which returns how to call it off. */
export function timer(act: () => void, ms: number): () => () => void {
  return () => {
    const handle = setTimeout(act, ms);
    return () => clearTimeout(handle);
  };
}
