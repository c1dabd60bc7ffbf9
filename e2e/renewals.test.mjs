// A proxy that a contact has passed on moves to another address: whoever has it from them follows without doing anything, and nothing
// of it stands in the conversation.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startProxy, startService } from './harness/house.mjs';
import { temporaryFolder } from './harness/programs.mjs';

/** A fresh address is passed on a minute after it was put in. */
const FOLLOWS_WITHIN_MS = 120_000;

const { browsers, acquainted } = newCast();

test('a proxy from a contact follows silently to its fresh address, and carries on', async () => {
  const service = await startService();
  const data = temporaryFolder('proxy');
  const before = await startProxy('North', service.ready.link, { data });
  const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
  browsers.push(await ada.opens(firefox), await ben.opens(chromium));
  const chat = (await ada.person.chatWith('Ben')).id;

  await opensProxies(ada.screen);
  await ada.screen.fill('Link of the proxy', before.ready.link);
  await ada.screen.click('button', /^Add$/);
  await ada.screen.click('button', 'Share North');
  await ada.screen.click('button', 'Send', { inside: 'dialog' });
  await ben.screen.click('button', 'Ada', { inside: `[data-chat="${chat}"]` });
  await ben.screen.click('button', 'Add a proxy', { inside: '.link-in-text' });
  await ben.screen.click('button', 'Add a proxy', { inside: 'dialog' });
  await ben.screen.sees('from Ada');
  await ben.screen.click('radio', 'Always', { inside: 'fieldset' });
  await ben.screen.sees('By proxy North');

  // It has the same certificate, and other ports.
  await before.kill();
  const after = await startProxy('North', service.ready.link, { data });
  assert.notEqual(after.ready.link, before.ready.link);
  await ada.screen.click('button', 'Fresh address of North');
  await ada.screen.click('checkbox', 'Pass fresh addresses on');
  await ada.screen.fill('Its new link', after.ready.link);
  await ada.screen.click('button', 'Replace');
  await ada.screen.findsNo('dialog', 'Fresh address of North');
  // The dead one is all that Ben has, so he takes the straight road again meanwhile.
  await ben.screen.click('radio', 'When the direct road is blocked', { inside: 'fieldset' });

  await ben.person.sees('the fresh address', (view) => view.proxies.every(({ link }) => link === after.ready.link), FOLLOWS_WITHIN_MS);
  await ben.screen.sees('from Ada · renewed today');
  await ben.screen.click('radio', 'Always', { inside: 'fieldset' });
  await ben.person.sees('the road by it', ({ road }) => road.kind === 'proxy' && road.name === 'North');
  assert.deepEqual(await ben.person.texts(chat), [before.ready.link], 'nothing was said of it');
  for (const { screen } of [ada, ben]) assert.deepEqual(screen.errors, []);
});

async function opensProxies(screen) {
  await screen.click('button', 'How the service is reached');
  await screen.find('textbox', 'Link of the proxy');
}
