// What the pictures of a call cost the page that shows them. A part of `./x bench calls`.
import { setTimeout as pass } from 'node:timers/promises';
import { chromium } from './harness/browsers.mjs';
import { startService } from './harness/house.mjs';
import { keepPeers, measure } from './harness/quality.mjs';
import { Resident } from './harness/resident.mjs';
import { smallCamera } from './harness/small-camera.mjs';
import { keepBusy, onOneCore, secondsOf } from './harness/work.mjs';

export const CAMERA = { width: 320, height: 180, perSecond: 10, details: 12 };
/** As many programs as never rest beside the page where it is starved. */
export const BUSY = 3;
export const OTHERS = 7;
const SETTLE_MS = 12_000;

/** `chosen`: in the page's settings. `busy`: whether its core is shared with programs that never rest. */
const CASES = [
  { name: 'equal tiles', chosen: { spare: false } },
  { name: 'one large', chosen: { spare: false, layout: 'speaker' } },
  { name: 'voice only', chosen: { voiceOnly: true } },
  { name: 'equal tiles, starved, not spared', chosen: { spare: false }, busy: true },
  { name: 'equal tiles, starved, spared', chosen: { spare: true }, busy: true, settleMs: 30_000 },
];
export const NAMES = CASES.map(({ name }) => name);
export const HEAD = ['pictures', 'processor', 'decoding', 'pictures shown', 'lines', 'frames/s of each', 'sound made up', 'longest pause of sound'];

/** Tells `note` the row of each case. */
export async function pictureCosts(seconds, note) {
  const service = await startService();
  const comes = (name) => Resident.comes(name, null, service.ready.link);
  const ada = await comes('Ada');
  const others = [];
  for (let number = 1; number <= OTHERS; number += 1) others.push(await comes(`Guest ${number}`));
  for (const other of others) await other.person.meets(ada.person);
  await ada.founds('All', others);

  const camera = `(${smallCamera})(${JSON.stringify(CAMERA)})`;
  const hers = await chromium({ wrap: onOneCore, before: [smallCamera, keepPeers] });
  // They show no pictures, so that the cores are enough for sending them.
  const theirs = await chromium({ before: [camera, `(${choose})({ voiceOnly: true })`] });
  for (const other of others) await other.opensIn(theirs);
  await ada.opensIn(hers);
  await reloadsWith(ada, { spare: false });
  const call = await ada.callsAnd('All', others);
  await ada.seesAndHears(OTHERS, 120_000);

  for (const { name, chosen, busy, settleMs = SETTLE_MS } of CASES) {
    await reloadsWith(ada, chosen);
    await ada.isIn(call);
    await ada.hears(others, 120_000);
    const rest = busy ? keepBusy(BUSY) : () => {};
    await pass(settleMs);
    const [workBefore, before] = [secondsOf(hers.folder), await shown(ada)];
    const { audio, pause } = await measure(ada.screen, seconds * 1_000);
    const [workAfter, after] = [secondsOf(hers.folder), await shown(ada)];
    await rest();
    const took = (after.at - before.at) / 1_000;
    const framesBefore = new Map(before.videos.map(({ mid, frames }) => [mid, frames]));
    const moving = after.videos.map((each) => ({ ...each, frames: each.frames - (framesBefore.get(each.mid) ?? 0) })).filter(({ frames }) => frames > 0);
    const decoding = (after.decoding - before.decoding) / took;
    const per = moving.length > 0 ? moving.reduce((sum, { frames }) => sum + frames, 0) / moving.length / took : 0;
    const lines = [...new Set(moving.map(({ height }) => height))].sort((one, other) => other - one).join(', ');
    const percent = (share) => `${(100 * share).toFixed(0)} %`;
    note(name, [percent((workAfter - workBefore) / took), percent(decoding), moving.length, lines || '–', per.toFixed(0), audio.concealed === null ? '–' : `${(100 * audio.concealed).toFixed(1)} %`, `${Math.round(pause.audio)} ms`]);
  }
  await Promise.all([hers, theirs].map((browser) => browser.close()));
  [ada, ...others].forEach((one) => one.person.close());
}

async function reloadsWith({ screen }, chosen) {
  await screen.evaluate(choose, chosen);
  await screen.reload();
  await screen.until('the page to be in touch with its app', () => Boolean(window.umweg));
}

/** Runs in a page. */
function choose(chosen) {
  if (location.protocol === 'http:') localStorage.setItem('umweg.calls', JSON.stringify(chosen));
}

/** What pictures the page has decoded, by its own account. */
function shown({ screen }) {
  return screen.evaluate(async () => {
    const { inbound } = await window.umweg.stats();
    const videos = inbound.filter(({ kind }) => kind === 'video');
    return {
      at: performance.now(),
      decoding: videos.reduce((sum, { decodingMs }) => sum + decodingMs / 1_000, 0),
      videos: videos.map(({ mid, framesDecoded, height }) => ({ mid, frames: framesDecoded, height })),
    };
  });
}
