import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The app serves the pages under a strict content security policy: nothing inline, nothing from elsewhere.
export default defineConfig({
  plugins: [react()],
  // Chromium 123 and Firefox 120 know `light-dark()`; made into anything older it would ignore the call's own dark stage.
  build: {
    target: "es2023",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    // The worker that blurs asks for its files by their names.
    rolldownOptions: {
      output: {
        assetFileNames: ({ originalFileNames }) =>
          originalFileNames.some((name) => name.includes("@twilio/video-processors"))
            ? "assets/blur/[name][extname]"
            : "assets/[name]-[hash][extname]",
      },
    },
  },
  worker: { format: "es" },
  server: { host: "127.0.0.1" },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 20_000,
  },
});
