/** Keeps the shown thread in the address: `/?c=<thread>`. Back and forward go from thread to thread. */
import { usePathname } from "next/navigation";
import { useEffect, useEffectEvent } from "react";
import { createStore, useStore } from "@/lib/store";
import { lostLink } from "./thread-list";
import { wasBegunHere } from "./threads";

type Show = (threadId: string | undefined) => void;

const HOME = "/";
const address = createStore<string | undefined>(undefined);
const atHome = () => location.pathname === HOME;
const inAddress = () => new URLSearchParams(location.search).get("c") ?? undefined;

/**
 * Calls `show` with the thread that the address has when the page comes, and whenever the browser goes back or forward;
 * undefined: an empty chat. assistant-ui could watch the address itself, but it would take a chat out of the archive to
 * show it.
 */
export function useThreadInAddress(show: Show): void {
  const pathname = usePathname();
  const arrived = useEffectEvent((at: string) => at === HOME && arrive(show));
  const moved = useEffectEvent(() => read(show));
  useEffect(() => void arrived(pathname), [pathname]);
  useEffect(() => {
    const onMove = () => moved();
    window.addEventListener("popstate", onMove);
    return () => window.removeEventListener("popstate", onMove);
  }, []);
  useForgottenLink(show);
}

/** Shows the thread in the address; without one, as after a visit to another page, the thread that was shown before. */
function arrive(show: Show): void {
  if (inAddress() === undefined) shownIs(address.get(), true);
  else address.set(inAddress());
  if (address.get() !== undefined) show(address.get());
}

function read(show: Show): void {
  if (!atHome()) return;
  address.set(inAddress());
  show(address.get());
}

/**
 * The page shows another thread. In the address a chat that was just stored replaces the empty one; every other change
 * is a step in the browser's history.
 */
export function shownIs(
  threadId: string | undefined,
  inPlace = address.get() === undefined && wasBegunHere(threadId),
): void {
  address.set(threadId);
  if (!atHome() || inAddress() === threadId) return;
  const url = threadId === undefined ? HOME : `${HOME}?c=${encodeURIComponent(threadId)}`;
  if (inPlace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
}

function useForgottenLink(show: Show): void {
  const lost = useStore(lostLink);
  const forget = useEffectEvent((threadId: string) => {
    lostLink.set(undefined);
    if (address.get() !== threadId) return;
    shownIs(undefined, true);
    show(undefined);
  });
  useEffect(() => {
    if (lost !== undefined) forget(lost);
  }, [lost]);
}
