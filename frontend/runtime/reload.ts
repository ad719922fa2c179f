import type { AssistantClient } from "@assistant-ui/react";

/** Loads the shown thread anew. What lies in its composer is carried over: assistant-ui would drop it. */
export async function reloadShown(aui: () => AssistantClient): Promise<void> {
  const { text, attachments } = aui().composer.getState();
  await aui().threads.reloadMainThread();
  const { composer } = aui();
  if (text && !composer.getState().text) composer.setText(text);
  const ready = attachments.flatMap(({ content, ...about }) => (content ? [{ ...about, content }] : []));
  await Promise.all(
    ready.map(({ name, type, contentType, content }) => composer.addAttachment({ name, type, contentType, content })),
  );
}
