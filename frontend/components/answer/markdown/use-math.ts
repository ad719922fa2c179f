import { useEffect, useState } from "react";
import type { Options } from "react-markdown";

type Plugins = Options["rehypePlugins"];

const FORMULA = /(?<!\\)[$]|(?:`{3}|~{3})\s*math\b/; // what may be one

/** KaTeX is a quarter of a megabyte: it is fetched when the first formula is there, which until then shows its source. */
export function useMath(text: string): Plugins {
  const wanted = FORMULA.test(text);
  const [plugins, setPlugins] = useState<Plugins>(loaded.now);
  useEffect(() => {
    if (!wanted || plugins) return undefined;
    let here = true;
    load().then((found) => here && setPlugins(found), () => undefined);
    return () => {
      here = false;
    };
  }, [wanted, plugins]);
  return wanted ? plugins : undefined;
}

/** What is loaded already, so that blocks drawn later have their formulas at once, without a second layout. */
const loaded: { now?: Plugins } = {};

async function load(): Promise<Plugins> {
  const { rehypePlugins } = await import("./math");
  loaded.now = rehypePlugins;
  return rehypePlugins;
}
