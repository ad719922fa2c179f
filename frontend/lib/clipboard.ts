/**
 * Copies a text; raises where the browser forbids it. `navigator.clipboard` is missing on pages that came by plain HTTP
 * from another machine, and the browser may refuse it elsewhere: then the text is copied in the older way.
 */
export async function copyText(text: string): Promise<void> {
  const written = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (!written && !copySelection(text)) throw new Error("The browser forbids copying");
}

/** Selects the text in a field of its own and copies the selection; then gives the focus and the selection back. */
function copySelection(text: string): boolean {
  const focused = document.activeElement;
  const field = hiddenField(text);
  // Behind an open dialog nothing on the page can be focused or selected.
  ([...document.querySelectorAll("dialog[open]")].at(-1) ?? document.body).append(field);
  const ranges = rangesOf(getSelection());
  field.focus({ preventScroll: true });
  field.setSelectionRange(0, text.length); // `select()` alone selects nothing on an iPhone
  const copied = document.execCommand?.("copy") ?? false;
  field.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  if (ranges.length > 0) select(ranges);
  return copied;
}

function hiddenField(text: string): HTMLTextAreaElement {
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  // A smaller font makes an iPhone zoom in.
  Object.assign(field.style, { position: "fixed", insetBlockStart: "0", opacity: "0", fontSize: "16px" });
  return field;
}

function rangesOf(selection: Selection | null): Range[] {
  return Array.from({ length: selection?.rangeCount ?? 0 }, (_, at) => selection!.getRangeAt(at)).filter((range) => !range.collapsed);
}

function select(ranges: readonly Range[]): void {
  const selection = getSelection();
  selection?.removeAllRanges();
  for (const range of ranges) selection?.addRange(range);
}
