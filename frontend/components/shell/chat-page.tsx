"use client";
import { CustomRuntimeProvider } from "@/runtime";
import { Shell } from "./shell";

/** The runtime lives here and not in the layout: the admin page must not load it, and an answer is picked up again anyway. */
export const ChatPage = () => (
  <CustomRuntimeProvider>
    <Shell />
  </CustomRuntimeProvider>
);
