// Who is in a call, and who is not and why, as the one sees it who called; and a call that was missed, as the other sees it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { smallCamera } from './harness/small-camera.mjs';

/** A call rings for a minute. */
const RINGS_WITHIN_MS = 90_000;

const { browsers, acquainted } = newCast();

test('the panel says whom it rings at, who declined and who left; who does not come is rung again, and has missed it at last', async () => {
  const service = await startService();
  const [ada, ben, cem, dora] = await acquainted(service, 'Ada', 'Ben', 'Cem', 'Dora');
  const shared = await chromium({ before: smallCamera });
  browsers.push(shared, await cem.opens(firefox));
  for (const someone of [ada, dora]) await someone.opensIn(shared);
  const chat = await ada.founds('All', [ben, cem, dora]);
  await ada.person.command('startCall', { chat, video: true });
  const { id: call } = await ada.person.sees('the call', (view) => view.calls.find((row) => row.state.kind === 'in'));
  const shows = (someone, what) => ada.screen.sees(what, { inside: `[data-absent="${someone.account}"]`, within: RINGS_WITHIN_MS });

  await ada.screen.page.bringToFront();
  for (const someone of [ben, cem, dora]) {
    await someone.person.sees('it ring', (view) => view.ringing?.call === call);
    await shows(someone, 'Ringing');
  }
  await ben.person.command('declineCall', { call });
  await shows(ben, 'Declined');
  await cem.screen.click('button', 'Ignore', { inside: 'dialog' });
  await dora.person.command('joinCall', { call, video: false });
  await Promise.all([ada, dora].map((someone) => someone.isIn(call)));
  await ada.person.sees('Dora', (view) => view.call.present.some((row) => row.account === dora.account));
  await ada.hears([dora]);
  await dora.person.command('leaveCall', { call });
  await shows(dora, 'Left');

  // Whoever ignores it tells nobody: it rings for its time.
  await shows(cem, 'Did not answer');
  await ada.screen.click('button', 'Ring again at Cem');
  await ada.screen.sees('It rings at Cem again');
  await cem.screen.find('dialog', 'Ada calls with video');
  await cem.screen.click('button', 'Ignore', { inside: 'dialog' });
  await ada.screen.click('button', 'Leave call');
  await cem.screen.click('button', 'Calls', { inside: 'nav' });
  await cem.screen.sees('Missed · ', { inside: `[data-call="${call}"]` });
  await cem.screen.sees(/with (Ada and Dora|Dora and Ada)/, { inside: `[data-call="${call}"]` });
  for (const { screen } of [ada, cem]) assert.deepEqual(screen.errors, []);
});
