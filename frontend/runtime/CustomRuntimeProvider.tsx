"use client";
import {
  AssistantRuntimeProvider,
  RuntimeAdapterProvider,
  useRemoteThreadListRuntime,
  type AssistantRuntime,
} from "@assistant-ui/react";
import { useMemo, type ReactNode } from "react";
import { LOOK, withProvider } from "./assistant-ui";
import { useHistory } from "./history";
import { Keeper } from "./Keeper";
import { shownIs, useThreadInAddress } from "./location";
import { threadList } from "./thread-list";
import { useChatThread } from "./use-chat-thread";

/** assistant-ui over this API: threads and messages in the server's database, answers as jobs that outlive the page. */
export function CustomRuntimeProvider({ children }: { children: ReactNode }) {
  // oxlint-disable-next-line react/hooks -- assistant-ui calls the hook, once in each thread it keeps
  const runtime = useRemoteThreadListRuntime({ runtimeHook: useChatThread, adapter, onThreadIdChange });
  useThreadInAddress((threadId) => void show(runtime, threadId).catch(() => {})); // `fetch` has shown the reason
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

const onThreadIdChange = (threadId: string | undefined) => shownIs(threadId);

const show = ({ threads }: AssistantRuntime, threadId: string | undefined): Promise<void> =>
  threadId === undefined ? threads.switchToNewThread() : threads.switchToThread(threadId, LOOK);

const adapter = withProvider(threadList, WithHistory);
