import type { NextConfig } from "next";

const config: NextConfig = {
  output: "export", // plain files: the API serves them, or nginx does
  trailingSlash: true, // `/admin/` is a folder with an index, which every file server knows
  reactStrictMode: true,
  poweredByHeader: false,
  compress: false, // `next dev` would hold back event streams to compress them
  images: { unoptimized: true },
};

export default config;
