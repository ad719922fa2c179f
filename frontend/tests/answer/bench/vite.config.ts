import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const frontend = fileURLToPath(new URL("../../..", import.meta.url));

/** The bench's page, apart from the product: `bench/page` builds it into a folder of its own. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  resolve: { alias: { "@": frontend } },
  css: { postcss: frontend },
  build: { emptyOutDir: true, chunkSizeWarningLimit: 4_000 },
});
