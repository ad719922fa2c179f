import { useAuiState } from "@assistant-ui/react";
import { createStore, useStore } from "@/lib/store";
import { rateMessage, type Rating } from "@/stream/api";
import { useAnswer } from "./answer";
import { serverId } from "./message-ids";
import { notify, sentence } from "./notices";

/** What was rated on this page, by thread and message; what was loaded lies in the message itself. */
const ratings = createStore<Readonly<Record<string, Rating | null>>>({});

/** The rating of the message around the caller, and how to change it: at once here, then on the server. */
export function useFeedback(): {
  rating: Rating | null;
  rate: (rating: Rating | null, comment?: string) => Promise<void>;
} {
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const local = useAuiState((s) => s.message.id);
  const loaded = useAnswer()?.feedback ?? null;
  const key = `${threadId}/${local}`;
  const rating = useStore(ratings, (all) => all[key]) ?? (key in ratings.get() ? null : loaded);
  const rate = async (next: Rating | null, comment?: string) => {
    if (threadId === undefined) return;
    const before = rating;
    ratings.set((all) => ({ ...all, [key]: next }));
    await rateMessage(threadId, serverId(threadId, local), next, comment).catch((error: unknown) => {
      ratings.set((all) => ({ ...all, [key]: before }));
      notify(`The rating was not saved. ${sentence(error)}`);
    });
  };
  return { rating, rate };
}
