// A page that stays open while its app is away: it goes on with the app, and with nobody else who listens where the app did.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { WebSocketServer } from 'ws';
import { chromium, firefox } from './harness/browsers.mjs';
import { startApp, startService } from './harness/house.mjs';
import { Person } from './harness/person.mjs';
import { stopAll, temporaryFolder } from './harness/programs.mjs';

const LOST = 'Connection to the app lost';

after(stopAll);

for (const launch of [chromium, firefox]) {
  test(`a page in ${launch.name} goes on when its app was killed and started again, and believes no other program`, async () => {
    const service = await startService();
    const data = temporaryFolder('app');
    let app = await startApp('Ada', service.ready.link, { data });
    const person = await Person.at(app.ready.link);
    await person.becomes('Ada');
    const browser = await launch();
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
    await browser.close();
    await app.stop();
    await service.stop();
  });
}

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
