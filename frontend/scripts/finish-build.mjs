// Turns Next's export into what a server needs: headers with the hashes of its inline scripts, and files that are
// compressed once instead of for every visitor. Runs after `next build`; see build.mjs.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { checkBudget } from "./budget.mjs";
import { forNginx, headersOf } from "./page-headers.mjs";

const TEXT = /\.(css|html|js|json|mjs|svg|txt|webmanifest|xml)$/;
const WORTHWHILE = 1024; // bytes: a smaller file fits one packet as it is
// Quality 11 takes ten times as long for 3 % less.
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
const [br, gz] = [promisify(brotliCompress), promisify(gzip)];

function filesBelow(folder) {
  const all = readdirSync(folder, { recursive: true }).map((path) => path.replaceAll("\\", "/"));
  return all.filter((path) => statSync(folder + path).isFile()).sort();
}

/** Writes `.br` and `.gz` beside each text of some length; path → bytes as gzip. */
async function compress(folder, paths) {
  const sizes = new Map();
  await Promise.all(
    paths.map(async (path) => {
      const plain = readFileSync(folder + path);
      const [small, smaller] = await Promise.all([gz(plain, { level: 9 }), br(plain, BROTLI)]);
      sizes.set(path, small.length);
      if (plain.length <= WORTHWHILE) return;
      writeFileSync(`${folder}${path}.gz`, small);
      writeFileSync(`${folder}${path}.br`, smaller);
    }),
  );
  return sizes;
}

/**
 * Finishes the export in `stage`, whose sources have this hash. Returns a sentence for each budget that is exceeded.
 */
export async function finish(stage, hash) {
  const folder = `${stage}/`;
  const paths = filesBelow(folder).filter((path) => TEXT.test(path));
  const pages = paths.filter((path) => path.endsWith(".html")).map((path) => [path, readFileSync(folder + path, "utf8")]);
  const headers = headersOf(pages.map(([, html]) => html));
  const sizes = await compress(folder, paths);
  writeFileSync(`${folder}headers.json`, `${JSON.stringify(headers, null, 2)}\n`);
  writeFileSync(`${folder}headers.nginx.conf`, forNginx(headers));
  writeFileSync(`${folder}.source-hash`, `${hash}\n`);
  return checkBudget(folder, pages, sizes);
}
