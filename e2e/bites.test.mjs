// Small bites, chosen on the page while the app runs: the road changes at once, says so, and messages pass. And where a censor freezes
// connections they are offered, and one press is enough.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { portsOfService, serviceWith } from './harness/links.mjs';
import { Tap } from './harness/tap.mjs';

const BITES = 'fieldset:last-of-type';
/** Known of such censors: 15 to 20 kB. */
const FROZEN_AFTER = 15_000;
const NOTICED_WITHIN_MS = 90_000;

const { browsers, acquainted } = newCast();

test('the road goes in small bites as soon as that is chosen, and whole again', async () => {
  const service = await startService();
  const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
  const browser = await chromium();
  browsers.push(browser);
  await ada.opensIn(browser);
  await ada.screen.click('button', 'How the service is reached');
  assert.equal(ada.person.view.road.bites, false);

  await ada.screen.click('radio', 'Always', { inside: BITES });
  await ada.person.sees('bites', (view) => view.road.kind === 'direct' && view.road.bites && view.bitesUse === 'always');
  await ada.screen.sees('Direct, in small pieces');
  await ada.person.command('sendText', { chat: (await ada.person.chatWith('Ben')).id, text: 'bite by bite', replyTo: null });
  await ben.person.sees('the message', hasLast('bite by bite'));

  await ada.screen.click('radio', 'Never', { inside: BITES });
  await ada.person.sees('one connection', (view) => view.road.kind === 'direct' && !view.road.bites);
  await ada.screen.seesNo('in small pieces', { inside: '.road-plate' });
});

test('who had switched small bites off is told where connections freeze, and one press lets the messages through', async (context) => {
  const service = await startService();
  const wire = await Tap.to(portsOfService(service.ready.link).tls);
  context.after(() => wire.close());
  const onlyByWire = { ready: { link: serviceWith(service.ready.link, { tls: wire.port, plain: 0, bare: 0 }) } };
  const [ben] = await acquainted(service, 'Ben');
  const [ada] = await acquainted(onlyByWire, 'Ada');
  await ben.person.meets(ada.person);
  const browser = await firefox();
  browsers.push(browser);
  await ada.opensIn(browser);
  await ada.person.command('useBites', { when: 'never' });
  await ada.person.sees('no bites', (view) => view.bitesUse === 'never');

  wire.freezesAfter = FROZEN_AFTER;
  wire.cut();
  wire.mend();
  const { id: chat } = await ben.person.chatWith('Ada');
  for (let page = 1; page <= 6; page += 1) await ben.person.command('sendText', { chat, text: `${page} ${'x'.repeat(4_000)}`, replyTo: null });
  await ben.person.command('sendText', { chat, text: 'after the pages', replyTo: null });
  await ada.screen.sees('This network freezes connections. Messages get through in small pieces.', { within: NOTICED_WITHIN_MS });
  assert.ok(!hasLast('after the pages')(ada.person.view), 'they did not get through');

  await ada.screen.click('button', 'Use small pieces');
  await ada.screen.sees('Direct, in small pieces', { within: NOTICED_WITHIN_MS });
  await ada.screen.sees('after the pages', { within: NOTICED_WITHIN_MS });
  await ada.screen.seesNo('This network freezes connections');
});

function hasLast(text) {
  return (view) => view.chats.some((row) => row.preview?.line.text === text);
}
