// Chromium and Firefox, headless, with cameras and microphones that play test pictures and tones.
//
// The flags are stock: fake devices, no first-run pages. Nothing that concerns WebRTC or ICE is switched, because people's browsers
// have nothing switched either. `ignoreDefaultArgs` matters: Playwright's own defaults switch features off.
import { existsSync, rmSync } from 'node:fs';
import { chromium as playwright } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { Screen } from './screen.mjs';
import { temporaryFolder } from './programs.mjs';
import { witness } from './witness.mjs';

const CHROMIUM_FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--remote-debugging-pipe',
];

const FIREFOX_PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.gmp-manager.updateEnabled': false,
};

/** `wrap` makes another program of the browser's path; what stands in `before` runs in each page before the page's own scripts. */
export async function chromium({ wrap = (path) => path, before = [] } = {}) {
  const folder = temporaryFolder('chromium');
  const context = await playwright.launchPersistentContext(folder, {
    executablePath: wrap(browser('Chromium', ['chromium', 'chromium-browser', 'google-chrome'])),
    ignoreDefaultArgs: true,
    args: [...CHROMIUM_FLAGS, `--user-data-dir=${folder}`, 'about:blank'],
    viewport: { width: 1280, height: 800 },
  });
  for (const script of [witness, before].flat()) await context.addInitScript(script);
  return {
    kind: 'chromium',
    /** Stands in the command of its first process. */
    folder,
    open: async (url) => {
      const page = await context.newPage();
      await page.goto(url);
      return Screen.ofPlaywright(page);
    },
    close: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function firefox({ before = [] } = {}) {
  const launched = await puppeteer.launch({
    browser: 'firefox',
    executablePath: browser('Firefox', ['firefox-esr', 'firefox']),
    headless: true,
    extraPrefsFirefox: FIREFOX_PREFERENCES,
    defaultViewport: { width: 1280, height: 800 },
  });
  return {
    kind: 'firefox',
    open: async (url) => {
      const page = await launched.newPage();
      for (const script of [witness, before].flat()) await page.evaluateOnNewDocument(script);
      await page.goto(url);
      return Screen.ofPuppeteer(page);
    },
    close: () => launched.close(),
  };
}

function browser(name, commands) {
  const folders = (process.env.PATH ?? '').split(':');
  const paths = commands.flatMap((command) => folders.map((folder) => `${folder}/${command}`));
  const found = paths.find((path) => existsSync(path));
  if (!found) throw new Error(`${name} is not installed (looked for ${commands.join(', ')}): ./x test installs it on Debian`);
  return found;
}
