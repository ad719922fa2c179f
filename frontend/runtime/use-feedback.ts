import { useAuiState } from "@assistant-ui/react";
import { useStore } from "@/lib/store";
import { rateMessage, type Rating } from "@/stream/api";
import { useAnswer } from "./answer";
import { serverId } from "./message-ids";
import { notify, sentence } from "./notices";
import { changeState, stateOf, states } from "./thread-state";

/** The rating of the message around the caller, and how to change it: at once on the page, then on the server. */
export function useFeedback(): {
  rating: Rating | null;
  rate: (rating: Rating | null, comment?: string) => Promise<void>;
} {
  const threadId = useAuiState((s) => s.threadListItem.remoteId);
  const messageId = useAuiState((s) => s.message.id);
  const loaded = useAnswer()?.feedback ?? null;
  const rated = useStore(states, () => (threadId === undefined ? undefined : stateOf(threadId).ratings[messageId]));
  const rating = rated === undefined ? loaded : rated;
  const rate = async (next: Rating | null, comment?: string) => {
    if (threadId === undefined) return;
    const before = rating;
    const show = (shown: Rating | null) => changeState(threadId, ({ ratings }) => ({ ratings: { ...ratings, [messageId]: shown } }));
    show(next);
    await rateMessage(threadId, serverId(threadId, messageId), next, comment).catch((error: unknown) => {
      show(before);
      notify(`The rating was not saved. ${sentence(error)}`);
    });
  };
  return { rating, rate };
}
