import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The app serves the pages under a strict content security policy: nothing inline, nothing from elsewhere.
export default defineConfig({
  plugins: [react()],
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  worker: { format: "es" },
  // In development the pages come from Vite and the WebSocket from a running app.
  server: {
    host: "127.0.0.1",
    proxy: { "/ws": { target: process.env.UMWEG_APP ?? "http://127.0.0.1:7070", ws: true } },
  },
  test: {
    environment: "jsdom",
    include: ["test/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
    testTimeout: 20_000,
  },
});
