/** The shown thread in the address: `/?c=<thread>`. Back and forward go from thread to thread. */
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
 * undefined: an empty chat. assistant-ui could watch the address itself, but then takes a chat out of the archive by
 * looking at it.
 */
export function useThreadInAddress(show: Show): void {
  const pathname = usePathname();
  const arrived = useEffectEvent((at: string) => at === HOME && arrive(show));
  const moved = useEffectEvent(() => read(show));
  useEffect(() => void arrived(pathname), [pathname]);
  useEffect(() => {
    const heed = () => moved();
    window.addEventListener("popstate", heed);
    return () => window.removeEventListener("popstate", heed);
  }, []);
  useForgottenLink(show);
}

/** A page with a thread in its address shows that; one without, as after a visit elsewhere, gets what was shown. */
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
 * The page shows another thread. A chat that has just been stored takes the place of the empty one; every other change
 * is a step in the history.
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
