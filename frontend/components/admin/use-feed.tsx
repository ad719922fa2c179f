"use client";
import { createContext, use, useCallback, useEffect, useState, useSyncExternalStore, type ReactNode } from "react";
import { Clock } from "./clock";
import { Feed, NOTHING_YET, type FeedState } from "./feed";

type Hub = { feed: Feed; clock: Clock };
const browserFeed = () => new Feed();
const HubContext = createContext<Hub | null>(null);

/** Opens the stream while it is on the page; every component below reads its own piece of the stream. */
export function FeedProvider({ children, make = browserFeed }: { children: ReactNode; make?: () => Feed }) {
  const [hub] = useState<Hub>(() => ({ feed: make(), clock: new Clock() }));
  useEffect(() => {
    hub.feed.start();
    return () => hub.feed.stop();
  }, [hub]);
  return <HubContext value={hub}>{children}</HubContext>;
}

function useHub(): Hub {
  const hub = use(HubContext);
  if (!hub) throw new Error("Wrap this part in a FeedProvider.");
  return hub;
}

export const useFeedItself = () => useHub().feed;

/**
 * A piece of the state. The component is drawn again only when `select` returns another value, so `select` must return
 * the same object or a primitive.
 */
export function useFeed<T>(select: (state: FeedState) => T): T {
  const { feed } = useHub();
  return useSyncExternalStore(
    feed.subscribe,
    () => select(feed.state),
    () => select(NOTHING_YET),
  );
}

/** A text that depends on the time. It is computed once a second, and drawn again only when it changes. */
export function useTicking(read: (now: number, state: FeedState) => string): string {
  const { feed, clock } = useHub();
  const get = () => read(clock.now, feed.state);
  const subscribe = useCallback(
    (notify: () => void) => {
      const ends = [clock.subscribe(notify), feed.subscribe(notify)];
      return () => ends.forEach((end) => end());
    },
    [clock, feed],
  );
  return useSyncExternalStore(subscribe, get, get);
}

/** The server's time in milliseconds; with `ticks` it is read anew every second. */
export function useServerNow(ticks: boolean): number {
  const { feed, clock } = useHub();
  const now = useSyncExternalStore(
    ticks ? clock.subscribe : never,
    () => clock.now,
    () => clock.now,
  );
  return now + feed.state.skew;
}

const never = () => () => {};
