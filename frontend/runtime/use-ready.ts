import { useAuiState } from "@assistant-ui/react";

/**
 * Whether the shown thread can take words. Until assistant-ui has made it, and while its messages load, its composer
 * throws or does not know what a message would follow: what is typed meanwhile has to wait where it is.
 */
export const useReady = (): boolean => useAuiState((s) => s.thread.capabilities.edit && !s.thread.isLoading);
