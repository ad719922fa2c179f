import type { NextConfig } from "next";

const config: NextConfig = {
  output: "export", // plain files: the API serves them, or nginx does
  distDir: process.env.PAGE_STAGE ?? ".next", // where an export goes: build.mjs names a place beside the last one
  trailingSlash: true, // `/admin/` is a folder with an index, which every file server knows
  reactStrictMode: true,
  poweredByHeader: false,
  compress: false, // `next dev` would hold back event streams to compress them
  images: { unoptimized: true },
};

export default config;
