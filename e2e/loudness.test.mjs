// A service whose operator wants it not to learn who is loud: the pages find out by themselves who speaks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { smallCamera } from './harness/small-camera.mjs';

const { browsers, people, acquainted } = newCast();

test('who speaks is shown although no packet says how loud it is', async () => {
  const service = await startService({ options: ['--hide-loudness'] });
  const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
  browsers.push(await chromium({ before: smallCamera }), await firefox());
  for (const [at, someone] of people.entries()) await someone.opensIn(browsers[at]);
  const call = await ada.callsAnd('Ben', [ben]);
  await Promise.all(people.map((someone) => someone.seesAndHears(1)));
  const sdp = await ada.screen.evaluate(() => window.witnessed.peer.remoteDescription.sdp);
  assert.ok(sdp.includes('a=extmap:') && !sdp.includes('ssrc-audio-level'), 'the answer asks for no levels');
  await ada.showsSpeaking(ben);
  await ben.showsSpeaking(ada);

  await ada.person.command('mute', { call, muted: true });
  await ben.screen.until('nobody to be shown as speaking', () => !document.querySelector('[data-speaking=true]'));
  await ada.showsSpeaking(ben);
});
