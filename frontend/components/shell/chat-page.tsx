"use client";
import { CustomRuntimeProvider } from "@/runtime";
import { Shell } from "./shell";

/**
 * The runtime lives here and not in the layout: the admin page must not load it, and a running answer is picked up
 * again in any case.
 */
export const ChatPage = () => (
  <CustomRuntimeProvider>
    <Shell />
  </CustomRuntimeProvider>
);
