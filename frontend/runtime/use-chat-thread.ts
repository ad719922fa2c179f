import { useAui, useLocalRuntime, type AssistantRuntime, type ChatModelAdapter } from "@assistant-ui/react";
import { useEffect, useMemo } from "react";
import { useLatest } from "@/lib/use-latest";
import { onLoaded, onRunEnd } from "./assistant-ui";
import { fileAttachments } from "./attachments";
import { keepHead } from "./heads";
import { failedToLoad } from "./history";
import { keepLive, dropLive } from "./live";
import { flush } from "./pending";
import { isStale, putBack, refresh } from "./reload";
import { endOf, runTurn } from "./runs";

/** One thread's runtime. It goes on, and its answer with it, while another thread is shown. */
export function useChatThread(): AssistantRuntime {
  const aui = useLatest(useAui());
  const model = useMemo((): ChatModelAdapter => {
    const begin = async () => (await aui.current.threadListItem.initialize()).remoteId;
    return { run: (options) => runTurn(options, begin) };
  }, [aui]);
  const attachments = useMemo(() => fileAttachments(), []);
  const runtime = useLocalRuntime(model, { adapters: { attachments } });

  useEffect(() => {
    const { thread } = runtime;
    attachments.countIn(() => thread.composer.getState().attachments);
    const threadId = () => aui.current.threadListItem.getState().remoteId;
    const goOn = () => {
      const id = threadId();
      if (id === undefined || thread.getState().isRunning || failedToLoad(id)) return;
      if (isStale(id)) refresh(id); // waiting messages go behind what is loaded then
      else flush(id, thread, endOf(id));
    };
    const soon = () => setTimeout(goOn, 0); // assistant-ui has not finished its own work yet
    const stops = [keepHead(thread, threadId), onRunEnd(thread, soon), onLoaded(thread, soon)];
    const register = () => keepLive(threadId() ?? "", thread);
    register();
    putBack(threadId() ?? "", thread);
    stops.push(thread.subscribe(register), () => dropLive(thread));
    return () => stops.forEach((stop) => stop());
  }, [runtime, aui, attachments]);
  return runtime;
}
