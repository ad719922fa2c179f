import { createContext } from "react";

/**
 * The end of a text that is still being written: an element that reaches it is not finished. Infinity: all are
 * finished.
 */
export const OpenEnd = createContext(Infinity);
