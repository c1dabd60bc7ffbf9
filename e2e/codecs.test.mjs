// Pictures in other codecs than VP8: one person sends VP9 from Chromium, the other AV1 from Firefox, sealed, through the service.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';

const { browsers, people, acquainted } = newCast();

test('one sends VP9 and the other AV1, and they see each other', async () => {
  const service = await startService();
  const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
  await sends(ada, chromium, 'vp9');
  await sends(ben, firefox, 'av1');

  await ada.callsAnd('Ben', [ben]);
  await Promise.all(people.map((someone) => someone.seesAndHears(1)));
  assert.deepEqual(await ben.screen.evaluate(seen), ['video/VP9']);
  assert.deepEqual(await ada.screen.evaluate(seen), ['video/AV1']);
});

/** Opens the page with that choice made. */
async function sends(someone, launch, codec) {
  browsers.push(await someone.opens(launch));
  await someone.screen.evaluate((codec) => localStorage.setItem('umweg.calls', JSON.stringify({ codec })), codec);
  await someone.screen.close();
  await someone.opensIn(browsers.at(-1));
}

/** Runs in a page: in what the pictures come that are decoded. */
async function seen() {
  const all = [...(await window.witnessed.peer.getStats()).values()];
  const decoded = all.filter((each) => each.type === 'inbound-rtp' && each.kind === 'video' && each.framesDecoded > 0);
  return decoded.map((each) => all.find((codec) => codec.id === each.codecId).mimeType);
}
