"use client";
import { AssistantRuntimeProvider, RuntimeAdapterProvider, useRemoteThreadListRuntime } from "@assistant-ui/react";
import { useMemo, type ReactNode } from "react";
import { withProvider } from "./assistant-ui";
import { useHistory } from "./history";
import { Keeper } from "./Keeper";
import { useThreadInAddress } from "./location";
import { threadList } from "./thread-list";
import { useChatThread } from "./use-chat-thread";

/** assistant-ui over this API: threads and messages in the server's database, answers as jobs that outlive the page. */
export function CustomRuntimeProvider({ children }: { children: ReactNode }) {
  const [threadId, onThreadIdChange] = useThreadInAddress();
  // oxlint-disable-next-line react/hooks -- assistant-ui calls it, once in each thread it keeps
  const runtime = useRemoteThreadListRuntime({ runtimeHook: useChatThread, adapter, threadId, onThreadIdChange });
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <Keeper />
      {children}
    </AssistantRuntimeProvider>
  );
}

function WithHistory({ children }: { children?: ReactNode }) {
  const history = useHistory();
  const adapters = useMemo(() => ({ history }), [history]);
  return <RuntimeAdapterProvider adapters={adapters}>{children}</RuntimeAdapterProvider>;
}

const adapter = withProvider(threadList, WithHistory);
