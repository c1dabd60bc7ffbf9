// Runs test/browser/trial.ts in Chromium and Firefox: sealed sound and picture both ways, a wrong key, new keys, the camera's switch.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { createServer } from "vite";

const server = await createServer({
  server: { port: 0, host: "127.0.0.1", hmr: false, watch: null },
  logLevel: "error",
});
await server.listen();
const address = `${server.resolvedUrls.local[0]}test/browser/trial.html`;
let failures = 0;
for (const start of [inChromium, inFirefox]) {
  const { name, page, close } = await start();
  try {
    await trial(name, page);
  } catch (error) {
    check(name, String(error), false);
  } finally {
    await close();
  }
}
await server.close();
process.exit(failures === 0 ? 0 : 1);

async function trial(name, page) {
  await page.goto(address);
  await page.waitForFunction(() => globalThis.trial);

  await page.evaluate(() => globalThis.trial.begin(0));
  const first = await until(
    page,
    (round) => round.engine.decoded > 10 && round.other.decoded > 10 && round.engine.energy > 0,
  );
  check(name, "both decode each other's pictures", first.engine.decoded > 10 && first.other.decoded > 10);
  check(name, "and hear each other", first.engine.energy > 0 && first.other.energy > 0);
  check(name, "nothing is forged", first.engine.counts.forged === 0 && first.other.counts.forged === 0);
  check(name, "the slots' leaves are known", JSON.stringify(first.sources) === "[2,null,2,null]");

  await page.evaluate(() => globalThis.trial.rekey());
  const rekeyed = await until(
    page,
    (round) => round.engine.decoded > first.engine.decoded + 20 && round.other.decoded > first.other.decoded + 20,
  );
  check(name, "new keys do not stop the pictures", rekeyed.engine.decoded > first.engine.decoded + 20);
  check(name, "nor are frames forged by them", rekeyed.engine.counts.forged + rekeyed.other.counts.forged === 0);

  await page.evaluate(() => globalThis.trial.camera(false));
  await wait(700);
  const dark = await round(page);
  await wait(1500);
  const darker = await round(page);
  // Firefox keeps a stream without a camera alive by a black frame a second.
  check(name, "the camera goes off", darker.engine.sentFrames - dark.engine.sentFrames <= 3);
  await page.evaluate(() => globalThis.trial.camera(true));
  const bright = await until(page, (now) => now.other.decoded > dark.other.decoded + 10);
  check(name, "and on again", bright.other.decoded > dark.other.decoded + 10);

  check(name, "a picture is shown under its name", await page.evaluate(() => globalThis.trial.place(2)));
  check(name, "and under no other", !(await page.evaluate(() => globalThis.trial.place(3))));
  const misplaced = await until(page, (now) => now.engine.counts.misplaced > 0, 25_000);
  check(name, "and that the service tries is noticed", misplaced.engine.counts.misplaced > 0);

  await page.evaluate(() => globalThis.trial.begin(0, true));
  const replayed = await until(page, (now) => now.engine.counts.replayed > 10 && now.engine.energy > 0);
  check(name, "replayed sound is refused", replayed.engine.counts.replayed > 10);
  check(name, "and what is new is heard", replayed.engine.energy > 0 && replayed.engine.counts.forged === 0);

  for (const codec of ["vp9", "av1"]) {
    await page.evaluate((codec) => globalThis.trial.begin(0, false, codec), codec);
    const seen = await until(page, (now) => now.engine.decoded > 10 && now.other.decoded > 10, 30_000);
    check(name, `sealed ${codec} is decoded`, seen.other.decoded > 10);
    check(name, `and sent as such: ${seen.codecs}`, seen.codecs.includes(`video/${codec.toUpperCase()}`));
    check(name, "and nothing of it refused", seen.other.counts.forged + seen.other.counts.malformed === 0);
  }

  const sizes = await page.evaluate(() => globalThis.trial.soundSizes(true));
  check(name, `sound at a constant rate has one size: ${sizes}`, sizes.length === 1 && sizes[0] > 20);

  await page.evaluate(() => globalThis.trial.begin(1));
  const wrong = await until(page, (now) => now.engine.counts.forged > 50 && now.other.counts.forged > 50);
  check(name, "with another key nothing is seen", wrong.engine.decoded === 0 && wrong.other.decoded === 0);
  check(name, "and nothing heard", wrong.engine.energy === 0 && wrong.other.energy === 0);
  check(name, "every frame is refused", wrong.engine.counts.opened === 0 && wrong.engine.counts.forged > 50);
}

async function until(page, condition, within = 15_000) {
  let now = await round(page);
  for (const end = Date.now() + within; Date.now() < end && !condition(now); now = await round(page)) await wait(200);
  if (!condition(now)) process.stdout.write(`  ${JSON.stringify(now)}\n`);
  return now;
}

function round(page) {
  return page.evaluate(() => globalThis.trial.round());
}

function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function check(name, what, good) {
  if (!good) failures++;
  process.stdout.write(`${good ? "ok  " : "FAIL"} ${name}: ${what}\n`);
}

async function inChromium() {
  const folder = mkdtempSync(path.join(tmpdir(), "umweg-trial-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"];
  const media = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
  ];
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: "/usr/bin/chromium",
    ignoreDefaultArgs: true,
    args: [...flags, ...media, `--user-data-dir=${folder}`, "about:blank"],
  });
  const close = async () => {
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { name: "Chromium", page: await context.newPage(), close };
}

async function inFirefox() {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: "/usr/bin/firefox-esr",
    headless: true,
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.autoplay.default": 0,
    },
  });
  return { name: "Firefox", page: await browser.newPage(), close: () => browser.close() };
}
