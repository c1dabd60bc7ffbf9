// Small bites, chosen on the page while the app runs: the road changes at once, says so, and messages pass.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { Resident } from './harness/resident.mjs';

const BITES = 'fieldset:last-of-type';

const { browsers, people } = newCast();

test('the road goes in small bites as soon as that is chosen, and whole again', async () => {
  const service = await startService();
  const [ada, ben] = [await Resident.comes('Ada', null, service.ready.link), await Resident.comes('Ben', null, service.ready.link)];
  await ben.person.meets(ada.person);
  const browser = await chromium();
  browsers.push(browser);
  people.push(ada, ben);
  await ada.opensIn(browser);
  await ada.screen.click('button', 'How the service is reached');
  assert.equal(ada.person.view.road.bites, false);

  await ada.screen.click('radio', 'Always', { inside: BITES });
  await ada.person.sees('bites', (view) => view.road.kind === 'direct' && view.road.bites && view.bitesUse === 'always');
  await ada.screen.sees('Direct, in small pieces');
  const chat = await ada.person.chatWith('Ben');
  await ada.person.command('sendText', { chat: chat.id, text: 'bite by bite', replyTo: null });
  await ben.person.sees('the message', (view) => view.chats.some((row) => row.preview?.line.text === 'bite by bite'));

  await ada.screen.click('radio', 'Never', { inside: BITES });
  await ada.person.sees('one connection', (view) => view.road.kind === 'direct' && !view.road.bites);
  await ada.screen.seesNo('in small pieces', { inside: '.road-plate' });
});
