"use client";
import { useMedia } from "@/components/ui/use-media";

/** Whether the sidebar has room beside the conversation; below, it is a drawer. */
export const useWide = (): boolean => useMedia("(min-width: 768px)", true);
