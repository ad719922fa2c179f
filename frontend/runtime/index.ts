"use client";
/**
 * Everything that components may use of the runtime. Components use nothing else of it.
 *
 * Components use assistant-ui's hooks (`useAui`, `useAuiState`) inside `<CustomRuntimeProvider>`, which stands in the
 * chat's page and not in the layout: the admin page must not load it. When it is unmounted answers go on, and they are
 * picked up when it is mounted again.
 *
 * - A thread's id in these hooks is the server's (`remoteId` of assistant-ui's `threadListItem`), never the local one.
 * - `useAnswer`, `useFeedback`, `useMessageImages`, `useMessageFiles` are called inside a message, the rest anywhere.
 * - `aui.thread.cancelRun()` is Stop: it cancels the job on the server. "Reset" is `useNewChat()`.
 * - Edit and again are assistant-ui's own (`aui.message.composer().beginEdit()`, `.reload()`, `.switchToBranch()`).
 */
export type { AnswerError, AnswerMeta, Phase } from "@/stream/answer-meta";
export type { ModelInfo, SearchHit, Thinking, ThreadSettings } from "@/stream/api";
export type { PendingMode } from "./pending";
export type { PendingMessage } from "./thread-storage";
export type { Notice } from "./notices";
export type { Remedy } from "@/stream/failures";
export type { Activity } from "./activity";

export { CustomRuntimeProvider } from "./CustomRuntimeProvider";

/** `useAnswer()`: AnswerMeta of this message, undefined for a user's. `answerOf(message)`: the same without a hook. */
export { answerOf, useAnswer } from "./answer";
/** `failureOf(code)`: `{ title, remedies }` of an error's code; undefined for a code that the table does not have. */
export { failureOf } from "@/stream/failures";
/**
 * `readFrom(messages)`: the index of the first message that the newest answer's model was given; 0: it was given all of
 * them.
 */
export { readFrom } from "./context";
/** `useMessageImages()`: data URLs of this message's images, whether attached just now or loaded. */
export { imagesOf, useMessageImages } from "./message-images";
/**
 * `useMessageFiles()`: name and text of this message's files. `splitFiles(text)`: `{ words, files }` of a waiting
 * message's. `textIn(content)`: an attachment's.
 */
export { splitFiles, textIn, useMessageFiles, type TextFile } from "./message-files";
/** `{ rating, rate(rating | null, comment?) }`: shown at once, taken back with a notice when the server refuses. */
export { useFeedback } from "./use-feedback";

/** `{ threadId, isNew, loading, error, retry }` of the shown thread; `error` is why its messages did not load. */
export { useShownThread } from "./use-shown-thread";
/** A function that shows an empty chat (this is also "reset"); nothing is stored before its first message. */
export { useNewChat } from "./use-shown-thread";
/** A function that shows a thread by its id (a search hit, a link); an archived thread stays in the archive. */
export { useOpenThread } from "./use-shown-thread";
/** `useActivities()`: thread id → `{ running, unread }`; a thread that is absent is neither. */
export { useActivities } from "./activity";
/** `moreThreads`: a store of `{ regular, archived }`, whether `threads.loadMore()` would bring more of either list. */
export { moreThreads } from "./thread-list";
/** `useSearch(query)`: `{ hits, searching, error }`, debounced; an empty query has no hits. */
export { useSearch } from "./use-search";
/** `showMessage(threadId, messageId)`: shows the branch with a message that a search has found; its `data-message`. */
export { showMessage } from "./branches";
/** `exportUrl(threadId, "json" | "markdown")`: for an `<a href download>`. */
export { exportUrl } from "@/stream/api";

/**
 * `useSend()`: `{ send, canSend }`. `send()` sends what the composer holds; while an answer runs the message waits for
 * its end, or replaces it, as the user chose. For the form's submit, Enter and the button, instead of
 * `aui.composer.send()`.
 */
export { useSend } from "./use-send";
/**
 * `attach(aui.composer, file)`: instead of `addAttachment`, so that a message that is sent meanwhile waits for the
 * file.
 */
export { attach } from "./attachments";
/** `useReady()`: whether text can be put into the shown thread's composer yet. */
export { useReady } from "./use-ready";
/** `{ items, remove(id), sendNow(id), clear(), mode, setMode }`: the messages that wait in the shown thread. */
export { usePending } from "./pending";
/** Call once in the composer: keeps the unsent text of each thread in the browser's storage, and puts it back. */
export { useDraft } from "./use-draft";

/** `{ settings, change(patch), defaults, changeDefaults(patch) }`: of the shown thread, and of new ones. */
export { useSettings } from "./use-settings";
/** `{ models, engines, workers, advice, loading, error, refresh }`; `advice`: what to do to connect a real model. */
export { useModels } from "./use-models";

/** `{ online, reconnecting }`: the browser's network, and whether a stream is being picked up again. */
export { useConnection } from "./connection";
/** One short sentence for a polite live region whenever the shown thread's answer changes state; never tokens. */
export { useAnnouncement } from "./announcements";
/** `{ notices, dismiss(id) }`: sentences for the user that belong to no message (a save that failed). */
export { useNotices } from "./notices";
/** `notify(text)`: shows a notice; for code outside of React. */
export { notify } from "./notices";
