import { useAui, useLocalRuntime, type AssistantRuntime, type ChatModelAdapter } from "@assistant-ui/react";
import { useEffect, useMemo } from "react";
import { useLatest } from "@/lib/use-latest";
import { onRunEnd } from "./assistant-ui";
import { keepHead } from "./heads";
import { imageAttachments } from "./images";
import { keepLive, letGo } from "./live";
import { flush } from "./pending";
import { outcomeOf, runTurn } from "./runs";

/** One thread's runtime. It lives on, and its answer with it, while another thread is shown. */
export function useChatThread(): AssistantRuntime {
  const aui = useLatest(useAui());
  const model = useMemo((): ChatModelAdapter => {
    const begin = async () => (await aui.current.threadListItem.initialize()).remoteId;
    return { run: (options) => runTurn(options, begin) };
  }, [aui]);
  const attachments = useMemo(() => imageAttachments(), []);
  const runtime = useLocalRuntime(model, { adapters: { attachments } });

  useEffect(() => {
    const { thread } = runtime;
    const threadId = () => aui.current.threadListItem.getState().remoteId;
    const stops = [keepHead(thread, threadId), onRunEnd(thread, () => setTimeout(() => goOn(threadId()), 0))];
    const goOn = (id: string | undefined) => id !== undefined && flush(id, thread, outcomeOf(id));
    const register = () => keepLive(threadId() ?? "", thread);
    register();
    stops.push(thread.subscribe(register), () => letGo(thread));
    return () => stops.forEach((stop) => stop());
  }, [runtime, aui]);
  return runtime;
}
