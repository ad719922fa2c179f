import { createContext } from "react";

/** Where the block's text ends that is still being written: what reaches it is not finished. Infinity: all of it is. */
export const OpenEnd = createContext(Infinity);
