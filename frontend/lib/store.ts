import { useSyncExternalStore } from "react";

/** A value that components watch and any code may replace. The value itself is never changed in place. */
export type Store<T> = {
  get(): T;
  set(next: T | ((now: T) => T)): void;
  subscribe(listener: () => void): () => void;
};

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      const following = typeof next === "function" ? (next as (now: T) => T)(value) : next;
      if (Object.is(following, value)) return;
      value = following;
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The selected part of the value. `select` must return the same object for the same value. */
export function useStore<T, S = T>(store: Store<T>, select: (state: T) => S = (state) => state as unknown as S): S {
  const read = () => select(store.get());
  return useSyncExternalStore(store.subscribe, read, read);
}
