import { useEffect, useState } from "react";
import type { Options } from "react-markdown";

type Plugins = Options["rehypePlugins"];

const FORMULA = /(?<!\\)[$]|(?:`{3}|~{3})\s*math\b/; // a text that may contain one

/**
 * The plugins that draw formulas. KaTeX is a quarter of a megabyte: it is fetched for the first formula, which shows
 * its source until then.
 */
export function useMath(text: string): Plugins {
  const wanted = FORMULA.test(text);
  const [plugins, setPlugins] = useState<Plugins>(loaded.now);
  useEffect(() => {
    if (!wanted || plugins) return undefined;
    let here = true;
    load().then((next) => here && setPlugins(next), () => undefined);
    return () => {
      here = false;
    };
  }, [wanted, plugins]);
  return wanted ? plugins : undefined;
}

/** The loaded plugins, so that blocks drawn later have their formulas at once, without a second layout. */
const loaded: { now?: Plugins } = {};

async function load(): Promise<Plugins> {
  const { rehypePlugins } = await import("./math");
  loaded.now = rehypePlugins;
  return rehypePlugins;
}
