"use client";
import { useMedia } from "./use-media";

/**
 * Whether Enter sends the text of a field of many lines. On a touch screen it makes a new line, since an on-screen
 * keyboard has no Shift+Enter. The *main* pointer decides, at any time: a laptop with a touch screen sends, and so does
 * a tablet as long as a mouse is its main pointer. A keyboard beside a tablet has Ctrl+Enter.
 */
export const useEnterSends = (): boolean => !useMedia("(pointer: coarse)", false);
