import { useAuiState } from "@assistant-ui/react";

/**
 * Whether text can be put into the shown thread's composer. Until assistant-ui has made the thread, and while its
 * messages load, the composer throws or does not know which message a new one would follow: text that is typed then has
 * to wait in the field.
 */
export const useReady = (): boolean => useAuiState((s) => s.thread.capabilities.edit && !s.thread.isLoading);
