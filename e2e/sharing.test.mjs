// A screen beside a camera: two people, in Chromium and in Firefox, show both to each other, and either stops alone. Chromium captures a
// screen of its own making; Firefox has none to capture without a display, and is given a painted one. And a screen comes back by itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { freePorts } from './harness/ports.mjs';
import { temporaryFolder } from './harness/programs.mjs';

const WITHIN_MS = 60_000;
const PAINTED = [200, 0, 200];

const { browsers, acquainted } = newCast();

test('two people show camera and screen at once, each stops alone, and both are known by their seals', async () => {
  const service = await startService();
  const people = await acquainted(service, 'Ada', 'Ben');
  const [ada, ben] = people;
  browsers.push(await ada.opens(chromium), await ben.opens(firefox));
  await ben.screen.evaluate(paintScreen, PAINTED);
  await ada.callsAnd('Ben', [ben]);
  for (const someone of people) await someone.seesAndHears(1);

  await ada.screen.click('button', 'Share screen');
  await ada.screen.sees('You share your screen');
  await comes(ben, ada, { camera: true, screen: true });
  assert.equal(await ben.screen.evaluate((screen) => document.querySelector(screen).className, screenOf(ada)), 'tile is-large');
  await ben.screen.sees('Ada’s screen', { inside: 'main' });
  await ben.screen.until('the screen in all its lines', (screen) => document.querySelector(`${screen} video`).videoHeight === 1080, screenOf(ada), WITHIN_MS);

  await ben.screen.click('button', 'Share screen');
  await comes(ada, ben, { camera: true, screen: true });
  await comes(ben, ada, { camera: true, screen: true });
  const colours = await ada.screen.evaluate(coloursOf, accountOf(ben));
  assert.ok(isLike(colours.screen, PAINTED), `what was painted is the screen: ${colours.screen}`);
  assert.ok(!isLike(colours.camera, PAINTED), `and not the camera: ${colours.camera}`);

  await ada.screen.click('button', 'Turn camera off');
  await comes(ben, ada, { camera: false, screen: true });
  await ada.screen.click('button', 'Turn camera on');
  await comes(ben, ada, { camera: true, screen: true });
  await ada.screen.click('button', 'Stop sharing');
  await comes(ben, ada, { camera: true, screen: false });
  await comes(ada, ben, { camera: true, screen: true });

  for (const { name, screen } of people) {
    const { forged, misplaced, malformed } = (await screen.evaluate(() => window.umweg.stats())).frames;
    assert.deepEqual({ forged, misplaced, malformed }, { forged: 0, misplaced: 0, malformed: 0 }, name);
    assert.deepEqual(screen.errors, [], name);
  }
});

test('a shared screen outlives the service', async () => {
  const data = temporaryFolder('service');
  const [tls, plain, bare, relay, udp] = await freePorts(5);
  const start = () => startService({ data, ports: { tls, plain, bare, relay, udp } });
  const service = await start();
  const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
  const browser = await ada.opens(chromium);
  browsers.push(browser);
  await ben.opensIn(browser);
  await ada.callsAnd('Ben', [ben]);
  await ada.screen.click('button', 'Share screen');
  await comes(ben, ada, { camera: true, screen: true });
  await service.kill();
  await start();
  await ben.seesAndHears(1);
  await comes(ben, ada, { camera: true, screen: true });
});

function accountOf(someone) {
  return someone.person.view.me.account;
}

function screenOf(someone) {
  return `[data-screen="${accountOf(someone)}"]`;
}

/** Waits until exactly those pictures of the other one are decoded, from now on, and shown where they belong. */
async function comes(viewer, shower, wanted) {
  const start = await viewer.screen.evaluate(() => window.umweg.stats());
  const what = `${viewer.name} to have of ${shower.name}: ${JSON.stringify(wanted)}`;
  await viewer.screen.until(what, decodes, { start, wanted, account: accountOf(shower) }, WITHIN_MS).catch(async (error) => {
    throw new Error(`${error.message}\n${JSON.stringify(await viewer.screen.evaluate(() => window.umweg.stats()))}\n${shower.app.log}`);
  });
}

/** Runs in a page. */
async function decodes({ start, wanted, account }) {
  const stats = await window.umweg.stats();
  const before = (mid) => start.inbound.find((each) => each.mid === mid)?.framesDecoded ?? 0;
  const grown = stats.inbound.filter((each) => each.kind === 'video' && each.framesDecoded > before(each.mid) + 2);
  const of = (screen) => grown.some((each) => each.screen === screen);
  const shown = (tile) => document.querySelector(`${tile} video`)?.videoWidth > 0;
  const tiles = { camera: shown(`[data-tile="${account}"]`), screen: shown(`[data-screen="${account}"]`) };
  const isThere = (each) => !wanted[each] || (of(each === 'screen') && tiles[each]);
  const isGone = (each) => wanted[each] || !tiles[each];
  return ['camera', 'screen'].every((each) => isThere(each) && isGone(each));
}

/** Runs in a page: gives it a screen. */
function paintScreen([red, green, blue]) {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const paint = canvas.getContext('2d');
    let count = 0;
    setInterval(() => {
      paint.fillStyle = `rgb(${red} ${green} ${blue})`;
      paint.fillRect(0, 0, 1280, 720);
      paint.fillStyle = 'white';
      paint.font = '40px sans-serif';
      paint.fillText(String(count++), 20, 60);
    }, 100);
    return canvas.captureStream(10);
  };
}

/** Runs in a page: what is in the middle of each picture. */
function coloursOf(account) {
  const of = (tile) => {
    const video = document.querySelector(`${tile} video`);
    const canvas = Object.assign(document.createElement('canvas'), { width: 16, height: 16 });
    const paint = canvas.getContext('2d');
    paint.drawImage(video, 0, 0, 16, 16);
    return [...paint.getImageData(8, 8, 1, 1).data].slice(0, 3);
  };
  return { camera: of(`[data-tile="${account}"]`), screen: of(`[data-screen="${account}"]`) };
}

function isLike(colour, other) {
  return colour.every((part, at) => Math.abs(part - other[at]) < 40);
}
