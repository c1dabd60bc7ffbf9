// More cameras than a call has places for: whoever comes last is told why theirs is off, and gets the next free place without a click.
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { smallCamera } from './harness/small-camera.mjs';

const REFUSED = 'All places with a camera are taken, so you are in with voice.';

const { browsers, acquainted } = newCast();

test('the third camera where two fit is refused with the reason, and goes on when a place is free', async () => {
  const service = await startService({ options: ['--call-cameras-max', '2'] });
  const [ada, ben, cem] = await acquainted(service, 'Ada', 'Ben', 'Cem');
  const shared = await chromium({ before: smallCamera });
  const own = await firefox();
  browsers.push(shared, own);
  for (const someone of [ada, ben]) await someone.opensIn(shared);
  await cem.opensIn(own);
  await ada.founds('All', [ben, cem]);
  const call = await ada.callsAnd('All', [ben]);
  await Promise.all([ada, ben].map((someone) => someone.seesAndHears(1)));

  await cem.person.command('joinCall', { call, video: true });
  await cem.isIn(call);
  await cem.screen.sees(REFUSED);
  await cem.screen.find('button', 'Turn camera on');
  await cem.seesAndHears(2);
  await ada.hears([ben, cem]);
  await ada.screen.click('button', 'Turn camera off');
  await cem.screen.seesNo(REFUSED);
  await cem.screen.find('button', 'Turn camera off');
  await ada.seesAndHears(2);
  await ben.screen.until('the picture of Cem', (tile) => document.querySelector(tile)?.videoWidth > 0, `[data-tile="${cem.account}"] video`);

  await ada.screen.click('button', 'Turn camera on');
  await ada.screen.sees(REFUSED);
});
