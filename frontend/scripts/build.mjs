// `npm run build`: builds the page, and replaces the last one in a single step.
//
//     node scripts/build.mjs [--no-budget]
//
// Next exports into `out.new`. The page's headers and compressed files are made there, too, and only a complete page
// becomes `out`: an API that starts meanwhile has the last page. The hash is computed first, so that sources that change
// during the build leave a page that counts as stale.
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { finish } from "./finish-build.mjs";
import { sourceHash } from "./source-hash.mjs";

const FRONTEND = fileURLToPath(new URL("..", import.meta.url));
const NEXT = fileURLToPath(new URL("../node_modules/next/dist/bin/next", import.meta.url));
const [OUT, NEW, OLD] = ["out", "out.new", "out.old"].map((name) => `${FRONTEND}${name}`);

const remove = (folder) => rmSync(folder, { recursive: true, force: true });

function exportInto(stage) {
  remove(stage);
  const env = { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", PAGE_STAGE: "out.new" };
  const { status } = spawnSync(process.execPath, [NEXT, "build"], { cwd: FRONTEND, env, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

function putInPlace() {
  remove(OLD);
  if (existsSync(OUT)) renameSync(OUT, OLD);
  renameSync(NEW, OUT);
  remove(OLD);
}

const hash = sourceHash(FRONTEND);
exportInto(NEW);
const problems = await finish(NEW, hash);
if (problems.length > 0 && !process.argv.includes("--no-budget")) {
  console.error(`${problems.join("\n")}\nThe page stays as it was. To build it all the same: npm run build -- --no-budget`);
  process.exit(1);
}
putInPlace();
