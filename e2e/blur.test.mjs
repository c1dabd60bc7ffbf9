// The background of a picture is blurred before it leaves, and the person is not: what arrives at the other side is measured. The camera
// is given a drawn person in front of a chequerboard, the sharpest of backgrounds; the network takes the drawing for a person.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { smallCamera } from './harness/small-camera.mjs';

const WITHIN_MS = 90_000;
/** How much of the sharpness of edges is left, as a share. */
const BACKGROUND_LEFT_MAX = 0.1;
const PERSON_LEFT_MIN = 0.4;
const LOBBY = '.preview';

const { browsers, acquainted } = newCast();

for (const launch of [chromium, firefox]) {
  test(`a blurred background leaves ${launch.name}, and no other`, async (context) => {
    const service = await startService();
    const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
    const browser = await launch();
    browsers.push(browser, await ben.opens(chromium, { before: smallCamera }));
    await ada.opensIn(browser);
    const { screen } = ada;
    for (const each of [screen, ben.screen]) await each.evaluate(openEyes);
    await screen.evaluate(replaceCamera);
    const call = await ben.callsAnd('Ada', []);
    await screen.click('button', 'Ignore');
    await screen.evaluate(goTo, { at: 'call', call });

    const clear = await screen.until('the own picture', (lobby) => window.sharpnessOf(lobby), LOBBY);
    assert.equal(await screen.evaluate(() => window.blurs.length), 0, 'nothing runs before it is wished');
    await screen.click('checkbox', 'Blur background');
    const lobby = await blurredIn(screen, LOBBY, clear);
    context.diagnostic(`in the lobby ${percent(lobby.background / clear.background)} of the background's edges are left, ${percent(lobby.person / clear.person)} of the person's`);
    assert.ok(lobby.person > clear.person * PERSON_LEFT_MIN, 'the person stays sharp');

    const tile = `[data-tile="${ada.person.view.me.account}"]`;
    await ben.screen.evaluate(watchSharpness, tile);
    await screen.click('button', 'Join');
    await ada.isIn(call);
    await blurredIn(ben.screen, tile, clear);
    await screen.until('to send the blurred picture', () => Boolean(window.sent()) && !window.isPlain(window.sent()));

    await switchesBlur(screen);
    const plain = await sharpIn(ben.screen, tile, clear);
    const rate = { plain: await screen.evaluate(picturesPerSecond) };
    await screen.evaluate(holdWorkers);
    await switchesBlur(screen);
    await screen.until('to send nothing before it is blurred', () => window.sent() === null);
    await screen.sees('Your picture is sent as soon as its background is blurred');
    await screen.evaluate(() => window.letGo());
    await blurredIn(ben.screen, tile, plain);
    rate.blurred = await screen.evaluate(picturesPerSecond);
    context.diagnostic(`${rate.plain.toFixed(1)} pictures a second as they are, ${rate.blurred.toFixed(1)} blurred`);

    await ben.screen.evaluate(watchSharpness, tile);
    await screen.click('button', 'Turn camera off');
    await ben.screen.until('no picture', (tile) => !document.querySelector(`${tile} video`), tile, WITHIN_MS);
    await screen.click('button', 'Turn camera on');
    await blurredIn(ben.screen, tile, plain);
    await takesOtherCamera(screen);
    await movesOn(ben.screen);
    await blurredIn(ben.screen, tile, plain);
    await staysBlurredHidden(context, browser, ada, ben, { tile, plain });
    assert.ok((await ben.screen.evaluate(() => window.sharpest)) < plain.background * BACKGROUND_LEFT_MAX, 'it was never sent as it is');

    // Whatever ends the worker, the picture does not go out as it is: it goes out no more, and that is said.
    assert.deepEqual(screen.errors, []);
    await screen.evaluate(() => window.blurs.at(-1).end());
    await screen.sees('The background could not be blurred');
    await ben.screen.until('no picture', (tile) => !document.querySelector(`${tile} video`), tile, WITHIN_MS);
    assert.ok((await ben.screen.evaluate(() => window.sharpest)) < plain.background * BACKGROUND_LEFT_MAX, 'nor when it failed');
    await screen.click('button', 'Turn camera on');
    await blurredIn(ben.screen, tile, plain);
    await screen.seesNo('The background could not be blurred');

    await switchesBlur(screen);
    await sharpIn(ben.screen, tile, plain);
    await screen.until('no worker to be left', () => window.blurs.every((each) => !each.runs));
    await ada.seesAndHears(1);
    // The picture that was in the worker when it was ended.
    assert.deepEqual(screen.errors.filter((error) => !error.startsWith('A VideoFrame was garbage collected')), []);
  });
}

/** In a hidden tab clocks and pictures of the page are slowed down; a call goes on in it. */
async function staysBlurredHidden(context, browser, ada, ben, { tile, plain }) {
  const other = await browser.open('about:blank');
  await other.page.bringToFront();
  if (await ada.screen.evaluate(() => document.visibilityState === 'visible')) context.diagnostic('this browser hides no tab without a window: not tried in a hidden one');
  else {
    const rate = await ada.screen.evaluate(picturesPerSecond);
    context.diagnostic(`${rate.toFixed(1)} pictures a second in a hidden tab`);
    assert.ok(rate > 1, 'a hidden tab goes on sending');
    await movesOn(ben.screen);
    await blurredIn(ben.screen, tile, plain);
  }
  await other.close();
  await ada.screen.page.bringToFront();
}

async function movesOn(screen) {
  const begun = await screen.evaluate(() => window.changes);
  await screen.until('the picture to move on', (begun) => window.changes > begun + 3, begun, WITHIN_MS);
}

async function takesOtherCamera(screen) {
  await screen.click('button', 'More');
  await screen.click('button', 'Sound and picture');
  await screen.evaluate(() => {
    const option = document.querySelector('dialog option[value=other]');
    option.selected = true;
    option.parentElement.dispatchEvent(new Event('change', { bubbles: true }));
  });
  await screen.press('Escape');
  await screen.until('the other camera to be taken', () => window.taken === 'other');
}

async function switchesBlur(screen) {
  await screen.click('button', 'More');
  await screen.click('button', 'Sound and picture');
  await screen.click('checkbox', 'Blur background');
  await screen.press('Escape');
}

function blurredIn(screen, selector, than) {
  return screen.until('a blurred background', isBlurred, { selector, max: than.background * BACKGROUND_LEFT_MAX }, WITHIN_MS);
}

function sharpIn(screen, selector, than) {
  return screen.until('a sharp background', isSharp, { selector, min: than.background * 0.5 }, WITHIN_MS);
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** Runs in a page. */
function goTo(route) {
  history.pushState(route, '');
  dispatchEvent(new PopStateEvent('popstate'));
}

/** Runs in a page. */
function isBlurred({ selector, max }) {
  const now = window.sharpnessOf(selector);
  return now && now.background < max && now;
}

/** Runs in a page. */
function isSharp({ selector, min }) {
  const now = window.sharpnessOf(selector);
  return now && now.background > min && now;
}

/** Runs in a page: how often another picture has been encoded. */
async function picturesPerSecond() {
  const count = async () => Math.max(...[...(await window.witnessed.peer.getStats()).values()].map((each) => each.framesEncoded ?? 0));
  const [before, from] = [await count(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, 6_000));
  return ((await count()) - before) / ((performance.now() - from) / 1_000);
}

/** Runs in a page: notes how sharp the background of a picture ever is, and how often the picture changes. */
function watchSharpness(selector) {
  clearInterval(window.watch);
  Object.assign(window, { sharpest: 0, changes: 0 });
  let last = null;
  window.watch = setInterval(() => {
    const now = window.sharpnessOf(selector);
    if (!now) return;
    window.sharpest = Math.max(window.sharpest, now.background);
    if (now.clock !== last) window.changes += 1;
    last = now.clock;
  }, 100);
}

/** Runs in a page: nothing reaches its workers until they are let go. */
function holdWorkers() {
  const held = [];
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function hold(...what) {
    held.push([this, what]);
  };
  window.letGo = () => {
    Worker.prototype.postMessage = post;
    for (const [worker, what] of held) post.apply(worker, what);
  };
}

/** Runs in a page: how sharp a picture is, behind the person and in their face (the variance of its Laplacian), and what its clock shows. */
function openEyes() {
  const canvas = new OffscreenCanvas(320, 180);
  const paint = canvas.getContext('2d', { willReadFrequently: true });
  const variance = ({ data, width, height }) => {
    const light = (x, y) => data[(y * width + x) * 4] * 0.3 + data[(y * width + x) * 4 + 1] * 0.6 + data[(y * width + x) * 4 + 2] * 0.1;
    let [sum, squares, count] = [0, 0, 0];
    for (let y = 1; y < height - 1; y += 1) {
      for (let x = 1; x < width - 1; x += 1) {
        const edge = 4 * light(x, y) - light(x - 1, y) - light(x + 1, y) - light(x, y - 1) - light(x, y + 1);
        sum += edge;
        squares += edge * edge;
        count += 1;
      }
    }
    return squares / count - (sum / count) ** 2;
  };
  window.sharpnessOf = (selector) => {
    const video = document.querySelector(`${selector} video`);
    if (!video?.videoWidth) return null;
    paint.drawImage(video, 0, 0, 320, 180);
    const of = (...where) => paint.getImageData(...where);
    // A picture of which nothing has come yet is black.
    if (of(160, 85, 1, 1).data[0] < 50) return null;
    return { background: variance(of(12, 24, 50, 60)), person: variance(of(142, 55, 36, 50)), clock: Math.round(of(160, 168, 1, 1).data[2] / 12) };
  };
}

/** Runs in a page: its camera shows somebody before a chequerboard, 640 by 360, and what the page makes of it can be asked for. */
function replaceCamera() {
  const [width, height] = [640, 360];
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const paint = canvas.getContext('2d');
  const fill = (colour, draw) => {
    paint.fillStyle = colour;
    paint.beginPath();
    draw();
    paint.fill();
  };
  const oval = (colour, x, y, across, down) => fill(colour, () => paint.ellipse(x, y, across, down, 0, 0, 7));
  let time = 0;
  const draw = () => {
    for (let y = 0; y < height; y += 20) for (let x = 0; x < width; x += 20) fill((x + y) % 40 ? '#000' : '#fff', () => paint.rect(x, y, 20, 20));
    time = (time + 1) % 10;
    fill(`rgb(30 50 ${60 + time * 18})`, () => {
      paint.moveTo(150, 360);
      paint.quadraticCurveTo(165, 265, 270, 245);
      paint.lineTo(370, 245);
      paint.quadraticCurveTo(475, 265, 490, 360);
    });
    fill('#c98f70', () => paint.rect(290, 200, 60, 60));
    oval('#2a1a10', 320, 135, 68, 82);
    const skin = paint.createRadialGradient(305, 140, 10, 320, 150, 85);
    skin.addColorStop(0, '#f0c0a0');
    skin.addColorStop(1, '#b97f5f');
    oval(skin, 320, 150, 55, 72);
    for (const x of [298, 342]) {
      oval('#fff', x, 140, 10, 6);
      oval('#321', x, 140, 5, 5);
      fill('#321', () => paint.rect(x - 13, 124, 26, 5));
    }
    fill('#8a5a40', () => paint.rect(317, 145, 6, 30));
    oval('#a0413c', 320, 193, 20, 6);
  };
  draw();
  setInterval(draw, 66);
  const own = new Set();
  const [track] = canvas.captureStream().getVideoTracks();
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const stream = audio ? await ask({ audio }) : new MediaStream();
    if (!video) return stream;
    window.taken = JSON.stringify(video).includes('other') ? 'other' : 'usual';
    const given = track.clone();
    own.add(given.id);
    stream.addTrack(given);
    return stream;
  };
  navigator.mediaDevices.enumerateDevices = async () => ['usual', 'other'].map((id) => ({ kind: 'videoinput', deviceId: id, label: id }));
  window.isPlain = (track) => own.has(track.id);
  window.sent = () => window.witnessed.peer?.getSenders()[1]?.track ?? null;
  window.blurs = [];
  window.Worker = class extends window.Worker {
    constructor(...how) {
      super(...how);
      if (how[1]?.name === 'blur') window.blurs.push({ runs: true, end: () => super.terminate(), worker: this });
    }

    terminate() {
      const known = window.blurs.find((each) => each.worker === this);
      if (known) known.runs = false;
      super.terminate();
    }
  };
}
