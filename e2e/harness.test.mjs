// The harness itself, on a page of its own: if this fails, what the story says means nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { Tap } from './harness/tap.mjs';

const PAGE = `<!doctype html><title>x</title>
  <label for=n>Your name</label><input id=n>
  <button aria-label="Say it" onclick="setTimeout(() => said.textContent = 'Hello, ' + n.value, 300)">!</button>
  <button hidden>Hidden</button> <p id=said></p>`;

let server;
let tap;
before(async () => {
  server = createServer((_, response) => response.setHeader('content-type', 'text/html').end(PAGE)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  tap = await Tap.to(server.address().port);
});
after(async () => {
  await tap.close();
  server.close();
});

for (const launch of [chromium, firefox]) {
  describe(launch.name, () => {
    let browser;
    let screen;
    before(async () => {
      browser = await launch();
      screen = await browser.open(`http://127.0.0.1:${tap.port}/`);
    });
    after(() => browser?.close());

    test('finds a field by its label and a button by its name, and waits for what they do', async () => {
      await screen.fill('Your name', 'nobody');
      await screen.fill('Your name', 'Ada');
      await screen.click('button', 'say it');
      await screen.sees('Hello, Ada');
      await screen.seesNo('nobody');
    });

    test('does not find what is hidden, and says what it saw instead', async () => {
      await screen.findsNo('button', 'Hidden');
      await assert.rejects(screen.find('button', 'Hidden', { within: 300 }), /waited 300 ms for a button named Hidden[^]*Hello, Ada/);
    });

    test('has a camera and a microphone that play', async () => {
      const kinds = await screen.evaluate(async () => {
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
        return stream.getTracks().map((track) => track.kind).sort();
      });
      assert.deepEqual(kinds, ['audio', 'video']);
    });
  });
}

test('a tap keeps what passed, and a cut tap passes nothing', async () => {
  const ask = () => fetch(`http://127.0.0.1:${tap.port}/tapped`).then((answer) => answer.text());
  await ask();
  assert.match(tap.bytes.toString('latin1'), /GET \/tapped[^]*Your name/);
  tap.cut();
  await assert.rejects(ask());
  tap.mend();
  await ask();
});
