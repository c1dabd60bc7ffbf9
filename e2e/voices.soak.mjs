// A call as large as calls are: 32 people, three of them in browsers of both kinds, the others with apps and keys of their own and a
// synthetic peer in the page's place, which really sends and receives. `./x e2e --crowd`; too long for `./x test`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { Resident } from './harness/resident.mjs';
import { everyPicture, smallCamera } from './harness/small-camera.mjs';
import { Voices } from './harness/voices.mjs';

const PEOPLE = 32;
/** All those programs share the machine's cores with three browsers. */
const WITHIN_MS = 120_000;
const before = [smallCamera, everyPicture];

const { browsers, people } = newCast();

test('32 people are in a call, the loudest are heard, and the 33rd is told that there is no room', async () => {
  const service = await startService();
  const comes = (name) => Resident.comes(name, null, service.ready.link);
  for (const name of ['Ada', 'Ben', 'Cem']) people.push(await comes(name));
  for (let number = people.length + 1; number <= PEOPLE + 1; number += 1) people.push(await comes(`Guest ${number}`));
  const [ada, ben, cem, ...guests] = people;
  const late = guests.pop();
  for (const other of people.slice(1)) await other.person.meets(ada.person);
  await ada.founds('All', people.slice(1));

  const inBrowsers = [ada, ben, cem];
  browsers.push(...(await Promise.all([chromium({ before }), firefox({ before: everyPicture }), chromium({ before })])));
  await Promise.all(inBrowsers.map((someone, at) => someone.opensIn(browsers[at])));
  const voices = await Voices.start();
  const speakers = guests.map((guest) => voices.of(guest.person));

  const call = await ada.callsAnd('All', [ben, cem]);
  await Promise.all(inBrowsers.map((someone) => someone.seesAndHears(2, WITHIN_MS)));
  for (const guest of guests) {
    await guest.person.sees('the call', (view) => view.calls.find((row) => row.id === call), WITHIN_MS);
    await guest.person.command('joinCall', { call, video: false });
    await guest.isIn(call);
  }
  for (const someone of people.slice(0, PEOPLE)) {
    const all = await someone.person.sees('everybody', ({ call }) => call?.present.length === PEOPLE && call, WITHIN_MS);
    assert.deepEqual(all.ghosts, []);
  }
  const codes = new Set(people.slice(0, PEOPLE).map((someone) => someone.person.view.call.code));
  assert.equal(codes.size, 1, 'all share the keys');
  for (const { screen } of inBrowsers) {
    await screen.until('all of them in the panel', (people) => document.querySelectorAll('[data-present]').length === people, PEOPLE, WITHIN_MS);
  }

  // Each browser has eight slots for voices: two are for the others with a browser, who are loud.
  for (const louder of [[0, 6], [guests.length - 6, guests.length]]) {
    // What came while keys changed is not counted.
    await Promise.all(speakers.map((speaker) => speaker.heard()));
    const loud = guests.slice(...louder);
    speakers.slice(...louder).forEach((speaker) => speaker.speaksUp());
    for (const someone of inBrowsers) {
      const others = inBrowsers.filter((other) => other !== someone);
      await someone.hears([...others, ...loud], WITHIN_MS);
      for (const speaker of loud) await someone.showsSpeaking(speaker, WITHIN_MS);
    }
    speakers.slice(...louder).forEach((speaker) => speaker.falls());
  }
  // The two loudest reach those without a browser, sealed by somebody whom their keys name.
  const leaves = new Set(ada.person.view.call.present.map((row) => row.leaf));
  for (const { heard, refused } of await Promise.all(speakers.map((speaker) => speaker.heard()))) {
    assert.ok(heard.size >= 2 && [...heard.keys()].every((leaf) => leaves.has(leaf)), `heard ${[...heard.keys()]} of ${[...leaves]}`);
    assert.equal(refused, 0, 'everything opened');
  }

  await late.opensIn(browsers[2]);
  await late.screen.click('button', 'Join the call in All');
  await late.screen.click('button', /^Join$/);
  await late.screen.sees('There is no room in the call at the moment. Try again when somebody has left.', { within: WITHIN_MS });
  const { present, code } = await ada.isIn(call);
  assert.equal(present.length, PEOPLE);

  await guests[0].person.command('leaveCall', { call });
  await ada.person.sees('one less, in the keys too', ({ call }) => call.present.length === PEOPLE - 1 && call.code !== code, WITHIN_MS);
  await late.screen.click('button', /^Join$/);
  await late.isIn(call);
  await late.seesAndHears(2, WITHIN_MS);
  for (const { screen } of [...inBrowsers, late]) assert.deepEqual(screen.errors, []);
});
