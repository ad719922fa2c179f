// Adds the optional packages of other platforms that a registry mirror left out of package-lock.json.
//
// Where the registry at hand lacks a foreign-platform package, npm writes a lock without it, and `npm ci` then refuses
// the lock on every machine. A stub with version, os and cpu is enough: npm skips it here and fetches it where it fits.
// Run this after every change of dependencies: `npm install && node scripts/complete-lock.mjs`. An argument names another
// folder with a lock.
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const FILE = join(process.argv[2] ? resolve(process.argv[2]) : join(import.meta.dirname, ".."), "package-lock.json");
const SYSTEMS = { android: "android", darwin: "darwin", freebsd: "freebsd", linux: "linux", openharmony: "openharmony", win32: "win32" };
const CPUS = new Set(["arm", "arm64", "ia32", "ppc64", "ppc64le", "riscv64", "s390x", "x64", "wasm32"]);

/** os, cpu and libc as they stand in a platform package's name: `@next/swc-linux-x64-gnu`. */
function platformOf(name) {
  const words = name.split("/").at(-1).split("-");
  const os = words.map((word) => SYSTEMS[word]).find(Boolean);
  const cpu = words.find((word) => CPUS.has(word));
  const libc = words.includes("musl") ? "musl" : os === "linux" && words.includes("gnu") ? "glibc" : undefined;
  return { ...(cpu && { cpu: [cpu] }), ...(os && { os: [os] }), ...(libc && { libc: [libc] }) };
}

/** Whether npm would find `name` from the package at `from`, walking up the folders. */
function isThere(packages, from, name) {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf("/node_modules/")))) {
    if (`${base ? `${base}/` : ""}node_modules/${name}` in packages) return true;
    if (!base) return false;
  }
}

const lock = JSON.parse(readFileSync(FILE, "utf8"));
let added = 0;
for (const [path, about] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(about.optionalDependencies ?? {})) {
    if (isThere(lock.packages, path, name)) continue;
    lock.packages[`node_modules/${name}`] = { version, optional: true, ...platformOf(name), ...(about.dev && { dev: true }) };
    added += 1;
  }
}
const [root, ...rest] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([root, ...rest.sort(([a], [b]) => (a < b ? -1 : 1))]);
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added ? `${added} optional packages of other platforms added to package-lock.json.` : "package-lock.json is complete.");
