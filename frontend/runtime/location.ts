/** The shown thread in the address: `/?c=<thread>`. Back and forward go from thread to thread. */
import { usePathname } from "next/navigation";
import { useEffect, useSyncExternalStore } from "react";
import { createStore, useStore } from "@/lib/store";
import { lostLink } from "./thread-list";
import { wasBegunHere } from "./threads";

const HOME = "/";
const address = createStore<string | undefined>(undefined);
const atHome = () => location.pathname === HOME;
const inAddress = () => new URLSearchParams(location.search).get("c") ?? undefined;

function read(): void {
  if (atHome()) address.set(inAddress());
}

/** `[threadId, changed]` for the runtime: what to show, and what to call when it shows another. */
export function useThreadInAddress(): [string | undefined, (threadId: string | undefined) => void] {
  const threadId = useSyncExternalStore(address.subscribe, address.get, () => undefined);
  const pathname = usePathname();
  useEffect(arrive, [pathname]);
  useEffect(() => {
    window.addEventListener("popstate", read);
    return () => window.removeEventListener("popstate", read);
  }, []);
  useForgottenLink();
  return [threadId, write];
}

/** A page with a thread in its address shows that; one without, as after a visit elsewhere, gets what was shown. */
function arrive(): void {
  if (!atHome()) return;
  if (inAddress() === undefined) write(address.get(), true);
  else read();
}

/** A chat that has just been stored takes the place of the empty one; every other change is a step in the history. */
function write(threadId: string | undefined, inPlace = address.get() === undefined && wasBegunHere(threadId)): void {
  address.set(threadId);
  if (!atHome() || inAddress() === threadId) return;
  const url = threadId === undefined ? HOME : `${HOME}?c=${encodeURIComponent(threadId)}`;
  if (inPlace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
}

function useForgottenLink(): void {
  const lost = useStore(lostLink);
  useEffect(() => {
    if (lost === undefined) return;
    lostLink.set(undefined);
    if (address.get() === lost) write(undefined, true);
  }, [lost]);
}
