// A call over a bad link: the short form of what `./x bench calls` measures. Where no such link can be made it fails, and says why.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { chromium } from './harness/browsers.mjs';
import { startService } from './harness/house.mjs';
import { makePlaces } from './harness/places.mjs';
import { stopAll } from './harness/programs.mjs';
import { keepPeers, measure } from './harness/quality.mjs';
import { Resident } from './harness/resident.mjs';

const browsers = [];
let people = [];
let places;
after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  // While there is a link: without one, who is in a call waits to say goodbye.
  await Promise.all(people.map((someone) => someone.app.stop()));
  people.forEach((someone) => someone.person.close());
  await stopAll();
  await places?.close();
});

test('a call goes on when the link begins to lose packets, and when UDP is cut off in the middle of it', async () => {
  places = await makePlaces({ delay: 40 });
  const service = await startService({ place: places.near });
  people = await Promise.all([Resident.comes('Ada', places.near, service.ready.link), Resident.comes('Cem', places.far, service.ready.link)]);
  const [ada, cem] = people;
  for (const someone of people) browsers.push(await someone.opens(chromium, { before: keepPeers }));
  await cem.person.meets(ada.person);
  const call = await ada.callsAnd('Cem', [cem]);
  const bothSeeAndHear = () => Promise.all(people.map((someone) => someone.seesAndHears(1)));
  await bothSeeAndHear();

  await places.change({ loss: 3 });
  const { audio, rttMs } = await measure(cem.screen, 5_000);
  assert.ok(rttMs >= 80, `the link delays: ${rttMs} ms`);
  assert.ok(audio.lost > 0, 'the link loses');
  assert.ok(audio.concealed < 0.25, `what is lost is little: ${audio.concealed}`);

  const seat = (view) => view.present.find((row) => row.me).participant;
  const before = seat(await cem.isIn(call));
  await places.change({ udp: 'off' });
  await bothSeeAndHear();
  assert.equal(seat(await cem.isIn(call)), before, 'nobody joined anew');
});
