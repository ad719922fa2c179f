import type { LanguageInput } from "shiki/core";

type Load = () => Promise<{ default: LanguageInput }>;

/** The grammars that are coloured, each fetched when the first code in its language is there. */
const GRAMMARS: Record<string, Load> = {
  bash: () => import("shiki/langs/bash.mjs"),
  c: () => import("shiki/langs/c.mjs"),
  cpp: () => import("shiki/langs/cpp.mjs"),
  csharp: () => import("shiki/langs/csharp.mjs"),
  css: () => import("shiki/langs/css.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  docker: () => import("shiki/langs/docker.mjs"),
  go: () => import("shiki/langs/go.mjs"),
  html: () => import("shiki/langs/html.mjs"),
  ini: () => import("shiki/langs/ini.mjs"),
  java: () => import("shiki/langs/java.mjs"),
  javascript: () => import("shiki/langs/javascript.mjs"),
  json: () => import("shiki/langs/json.mjs"),
  jsx: () => import("shiki/langs/jsx.mjs"),
  kotlin: () => import("shiki/langs/kotlin.mjs"),
  lua: () => import("shiki/langs/lua.mjs"),
  make: () => import("shiki/langs/make.mjs"),
  markdown: () => import("shiki/langs/markdown.mjs"),
  php: () => import("shiki/langs/php.mjs"),
  powershell: () => import("shiki/langs/powershell.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  r: () => import("shiki/langs/r.mjs"),
  ruby: () => import("shiki/langs/ruby.mjs"),
  rust: () => import("shiki/langs/rust.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  swift: () => import("shiki/langs/swift.mjs"),
  toml: () => import("shiki/langs/toml.mjs"),
  tsx: () => import("shiki/langs/tsx.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  xml: () => import("shiki/langs/xml.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
};

/** Other names of the languages, as models write them behind a fence. */
const ALIASES: Record<string, string> = {
  "c++": "cpp", "c#": "csharp", cs: "csharp", console: "bash", dockerfile: "docker", golang: "go", h: "c", hpp: "cpp", htm: "html", js: "javascript",
  jsonc: "json", kt: "kotlin", makefile: "make", md: "markdown", mjs: "javascript", ps1: "powershell", py: "python", python3: "python",
  rb: "ruby", rs: "rust", sh: "bash", shell: "bash", svg: "xml", ts: "typescript", yml: "yaml", zsh: "bash",
};

/** The grammar of a language, or null where the language is not coloured. */
export function grammarOf(language: string): string | null {
  const name = ALIASES[language] ?? language;
  return Object.hasOwn(GRAMMARS, name) ? name : null;
}

export async function loadGrammar(name: string): Promise<LanguageInput> {
  const load = GRAMMARS[name];
  if (!load) throw new RangeError(`no grammar for ${name}`);
  return (await load()).default;
}
