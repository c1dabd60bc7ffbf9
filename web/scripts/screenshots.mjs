// Shoots every canned scene in every language, appearance and width, and lets axe look at each.
//
//   node scripts/screenshots.mjs [--out FOLDER] [--only NAME,NAME] [--lang en] [--theme dark] [--width 390]

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { createServer } from "vite";

const { values: asked } = parseArgs({
  options: {
    out: { type: "string", default: "shots" },
    only: { type: "string" },
    lang: { type: "string", default: "en,de,fa" },
    theme: { type: "string", default: "light,dark" },
    width: { type: "string", default: "1280,390" },
    browser: { type: "string", default: "/usr/bin/chromium" },
  },
});
const HEIGHTS = { 1280: 800, 390: 844, 320: 640 };
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const server = await createServer({
  server: { port: 0, host: "127.0.0.1", hmr: false, watch: null },
  logLevel: "error",
});
await server.listen();
const browser = await chromium.launch({ executablePath: asked.browser, args: ["--no-sandbox"] });
const { SCENES } = await server.ssrLoadModule("/src/fixtures/scenes.ts");
const { NOW } = await server.ssrLoadModule("/src/fixtures/views.ts");
await mkdir(asked.out, { recursive: true });

const names = asked.only?.split(",") ?? Object.keys(SCENES);
const violations = [];
for (const width of asked.width.split(",")) {
  const page = await browser.newPage({ viewport: { width: Number(width), height: HEIGHTS[width] ?? 800 } });
  page.on("pageerror", (error) => violations.push(`page error: ${error.message}`));
  await page.clock.install({ time: NOW });
  for (const name of names)
    for (const lang of asked.lang.split(","))
      for (const theme of asked.theme.split(",")) await shoot(page, { name, lang, theme, width });
  await page.close();
}
await browser.close();
await server.close();
await writeFile(path.join(asked.out, "axe.txt"), `${violations.join("\n")}\n`);
process.stdout.write(`${violations.length === 0 ? "axe finds nothing" : violations.join("\n")}\n`);
process.exit(violations.length === 0 ? 0 : 1);

async function shoot(page, { name, lang, theme, width }) {
  const address = server.resolvedUrls.local[0];
  await page.goto(`${address}fixtures.html?scene=${name}&lang=${lang}&theme=${theme}`);
  await page.waitForSelector("#content");
  await page.clock.runFor(300);
  await page.evaluate(() => document.fonts.ready);
  const shot = `${name}-${width}-${theme}-${lang}`;
  await page.screenshot({ path: path.join(asked.out, `${shot}.png`) });
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of found.violations)
    violations.push(`${shot}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(" | ")}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  if (wide) violations.push(`${shot}: wider than the window`);
}
