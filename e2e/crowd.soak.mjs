// A call as large as calls with pictures are: eight people in three browsers, of both kinds, who all see and hear each other; a ninth
// who comes with voice because all places with a camera are taken, and is seen as soon as one is free. `./x e2e --crowd`; too long for `./x test`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { everyPicture, smallCamera } from './harness/small-camera.mjs';

const CAMERAS = 8;
const NAMES = ['Ada', 'Ben', 'Cem', 'Dora', 'Emil', 'Fee', 'Gil', 'Hana', 'Ivo'];
/** Nine people's browsers share the machine's cores with all programs. */
const WITHIN_MS = 120_000;
const before = [smallCamera, everyPicture];

const { browsers, people, acquainted } = newCast();

test('eight people see and hear each other, and the ninth has the next free place for a camera', async () => {
  const service = await startService();
  const [ada, ben, ...rest] = await acquainted(service, ...NAMES);
  const ivo = rest.at(-1);
  await ada.founds('All', [ben, ...rest]);

  const launched = await Promise.all([chromium({ before }), firefox({ before: everyPicture }), chromium({ before })]);
  browsers.push(...launched);
  const [first, second, shared] = launched;
  await ada.opensIn(first);
  await ben.opensIn(second);
  for (const someone of rest) await someone.opensIn(shared);

  const eight = people.slice(0, CAMERAS);
  const call = await ada.callsAnd('All', eight.slice(1));
  await Promise.all(eight.map((someone) => someone.seesAndHears(CAMERAS - 1, WITHIN_MS)));

  await ivo.person.command('joinCall', { call, video: true });
  await ivo.isIn(call);
  await ivo.person.sees('that there is no place', ({ call }) => call?.cameraRefused && !call.camera, WITHIN_MS);
  await ivo.screen.sees('All places with a camera are taken', { within: WITHIN_MS });
  await ivo.seesAndHears(CAMERAS, WITHIN_MS);
  assert.equal((await ada.isIn(call)).present.length, NAMES.length);

  await ben.person.command('camera', { call, on: false });
  await ivo.person.sees('to have the free place', ({ call }) => call?.camera && !call.cameraRefused, WITHIN_MS);
  // Ada saw seven others, and Ben no more: with Ivo it is seven again.
  const isSeen = (view) => view.call.present.find((row) => row.name === 'Ivo')?.video;
  await ada.person.sees('Ivo with a picture', isSeen, WITHIN_MS);
  await ada.seesAndHears(CAMERAS - 1, WITHIN_MS);
});
