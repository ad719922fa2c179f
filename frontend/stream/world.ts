/** What following an answer needs of the browser; a test brings its own. */
export type World = { fetch: typeof fetch; random: () => number };

export const REAL: World = { fetch: (...args) => fetch(...args), random: Math.random };
