// Pages that go on: one stays open while its app is away, and goes on with nobody else who listens where the app did; one is loaded again
// in the middle of a call.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startApp, startService } from './harness/house.mjs';
import { Person } from './harness/person.mjs';
import { temporaryFolder } from './harness/programs.mjs';

const LOST = 'Connection to the app lost';

const { browsers, acquainted } = newCast();

for (const launch of [chromium, firefox]) {
  test(`a page in ${launch.name} goes on when its app was killed and started again, and believes no other program`, async () => {
    const service = await startService();
    const data = temporaryFolder('app');
    let app = await startApp('Ada', service.ready.link, { data });
    const person = await Person.at(app.ready.link);
    await person.becomes('Ada');
    const browser = await launch();
    browsers.push(browser);
    const screen = await browser.open(app.ready.link);
    await screen.find('button', 'New group');
    const { port, hash } = new URL(app.ready.link);

    await app.kill();
    await screen.sees(LOST);
    const said = await impostor(Number(port));
    assert.ok(said.length > 0 && said.every((frame) => !('look' in frame)), 'the page hears nobody out who has not proven anything');
    assert.ok(!JSON.stringify(said).includes(hash.slice(1)), 'and shows no secret');
    await screen.sees(LOST);

    app = await startApp('Ada', service.ready.link, { data });
    assert.equal(new URL(app.ready.link).port, port);
    await screen.seesNo(LOST);
    await screen.reload();
    await screen.find('button', 'New group');
    person.close();
  });
}

test('a page that is loaded again in a call is back in it, and no key is used from two pages', async () => {
  const service = await startService();
  const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
  const browser = await chromium();
  browsers.push(browser);
  await ada.opensIn(browser);
  await ben.opensIn(browser);
  const call = await ada.callsAnd('Ben', [ben]);
  await Promise.all([ada.seesAndHears(1), ben.seesAndHears(1)]);
  const { code } = await ada.isIn(call);

  await ben.screen.reload();
  await ben.screen.until('the page to be in touch with its app', () => Boolean(window.umweg));
  await Promise.all([ada.seesAndHears(1), ben.seesAndHears(1)]);
  assert.notEqual((await ada.isIn(call)).code, code, 'the keys are others');
  assert.equal((await ben.isIn(call)).present.length, 2);
});

/** Takes the app's port and says what the app would say, until two pages' connections were answered. Answers with what it heard. */
async function impostor(port) {
  const server = new WebSocketServer({ port, host: '127.0.0.1', handleProtocols: () => 'umweg.v1' });
  const said = [];
  for (let round = 0; round < 2; round += 1) {
    const [socket] = await once(server, 'connection');
    socket.on('message', (text) => said.push(JSON.parse(text)));
    socket.send(JSON.stringify({ challenge: 'a nonce of its own' }));
    await once(socket, 'message');
    socket.send(JSON.stringify({ welcome: { proof: '00'.repeat(32), start: 'a trap', lasting: 'a trap' } }));
    socket.send(JSON.stringify({ view: null }));
    await once(socket, 'close');
  }
  server.close();
  return said;
}
