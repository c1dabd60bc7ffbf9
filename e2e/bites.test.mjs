// Small bites, chosen on the page while the app runs: the road changes at once, says so, and messages pass.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { chromium } from './harness/browsers.mjs';
import { startService } from './harness/house.mjs';
import { stopAll } from './harness/programs.mjs';
import { Resident } from './harness/resident.mjs';

const BITES = 'fieldset:last-of-type';

after(stopAll);

test('the road goes in small bites as soon as that is chosen, and whole again', async () => {
  const service = await startService();
  const [ada, ben] = [await Resident.comes('Ada', null, service.ready.link), await Resident.comes('Ben', null, service.ready.link)];
  await ben.person.meets(ada.person);
  const browser = await chromium();
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
  await browser.close();
});
