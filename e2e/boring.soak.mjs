// An app built with BoringSSL, and the usual one, on one folder. `./x tls-boring` runs this, and the story with such apps.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { APP, startApp, startProxy, startService } from './harness/house.mjs';
import { Person } from './harness/person.mjs';
import { stopAll, temporaryFolder } from './harness/programs.mjs';

const USUAL = { app: 'umweg', env: { UMWEG_TLS: 'rustls' } };
const BORING = { app: APP, env: { UMWEG_TLS: 'boring' } };

after(stopAll);

test('a folder goes from the usual app to one with BoringSSL and back, and nothing is lost', async () => {
  const { link } = (await startService()).ready;
  const proxy = await startProxy('Road', link);
  const bob = await Person.at((await startApp('Bob', link, USUAL)).ready.link);
  await bob.becomes('Bob');
  const data = temporaryFolder('app');
  const written = [];
  for (const [turn, options] of [USUAL, BORING, { ...BORING, proxies: [proxy.ready.link], noDirect: true }, USUAL].entries()) {
    const app = await startApp('Ann', link, { ...options, data });
    const ann = await Person.at(app.ready.link);
    await ann.becomes('Ann');
    await ann.hasRoad();
    await ann.meets(bob);
    for (const [writer, reader] of [[ann, bob], [bob, ann]]) {
      const [there, here] = [await writer.chatWith(reader.view.me.name), await reader.chatWith(writer.view.me.name)];
      const text = `turn ${turn}, by ${writer.view.me.name}`;
      await writer.command('sendText', { chat: there.id, text, replyTo: null });
      await reader.sees(text, (view) => view.chats.find((chat) => chat.id === here.id).preview?.line.text === text);
      written.push(text);
    }
    assert.deepEqual(await ann.texts((await ann.chatWith('Bob')).id), written);
    ann.close();
    await app.stop();
  }
});
