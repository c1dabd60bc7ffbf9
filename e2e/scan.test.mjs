// A QR code that one page draws is read by another one's camera, and from a picture in a file. In both browsers; the camera sees what is
// held before it, and is off when the dialog is closed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startProxy, startService } from './harness/house.mjs';
import { portsOfProxy } from './harness/links.mjs';
import { Resident } from './harness/resident.mjs';

const ROADS = 'How the service is reached';

const { browsers, people } = newCast();

for (const launch of [chromium, firefox]) {
  test(`codes are scanned in ${launch.name}`, async () => {
    const service = await startService();
    const proxy = await startProxy('North', service.ready.link);
    const ada = await Resident.comes('Ada', null, service.ready.link, { proxies: [proxy.ready.link] });
    const ben = await Resident.comes('Ben', null, service.ready.link);
    const browser = await launch();
    browsers.push(browser);
    people.push(ada, ben);
    await ada.opensIn(browser);
    await ben.opensIn(browser);
    await ada.screen.click('button', 'Add somebody');
    const contact = await drawnBy(ada, '.qr svg');
    await ada.screen.click('button', ROADS);
    await ada.screen.click('button', 'Share North');
    const road = await drawnBy(ada, 'dialog .qr svg');

    const { screen } = ben;
    await screen.evaluate(holdBefore, contact);
    await screen.click('button', 'Add somebody');
    await screen.click('button', 'Scan a QR code');
    await screen.until('the link', (link) => document.querySelector('#contact-link').value === link, ada.person.view.me.link);
    assert.equal(await screen.evaluate(() => window.held.every((track) => track.readyState === 'ended')), true, 'the camera is off');
    await screen.findsNo('dialog', 'Scan');
    assert.equal(await screen.evaluate(() => document.activeElement.id), 'request-text');

    await screen.click('button', ROADS);
    await screen.click('button', 'Scan a QR code');
    await screen.sees('This is a person’s link. What is needed here is a proxy’s link.');
    await screen.press('Escape');
    await screen.evaluate(holdBefore, null);
    await screen.click('button', 'Scan a QR code');
    await screen.evaluate(chooseFile, null);
    await screen.sees('There is no QR code in this picture');
    await screen.evaluate(chooseFile, road);
    await screen.until('the link', (link) => document.querySelector('form .field-line input').value === link, proxy.ready.link);
    await screen.click('button', /^Add$/);
    await ben.person.sees('the proxy', (view) => view.proxies.some((each) => each.link === proxy.ready.link));

    // Who knows only its host types that: the bare session takes no secret.
    await screen.fill('Link of the proxy', 'road');
    await screen.click('button', /^Add$/);
    await screen.sees('This is not an Umweg link: those begin with umweg://');
    const { bare } = portsOfProxy(proxy.ready.link);
    await screen.fill('Link of the proxy', `127.0.0.1:${bare}`);
    await screen.click('button', /^Add$/);
    const typed = await ben.person.sees('the other one', (view) => view.proxies.find(({ link }) => link !== proxy.ready.link)?.link);
    assert.deepEqual(portsOfProxy(typed), { tls: 0, plain: 0, bare });
    await ben.person.command('testProxy', { link: typed });
    await ben.person.sees('that it leads to the service', (view) =>
      view.proxies.some(({ link, standing }) => link === typed && standing.kind === 'works'),
    );

    await screen.evaluate(() => (navigator.mediaDevices.getUserMedia = async () => Promise.reject(new DOMException('', 'NotAllowedError'))));
    await screen.click('button', 'Scan a QR code');
    await screen.sees('The browser may not use the camera');
    await screen.press('Escape');
    await screen.findsNo('dialog', 'Scan');
  });
}

async function drawnBy({ screen }, place) {
  await screen.find('img', 'QR code');
  return screen.evaluate(code, place);
}

/** Runs in a page: the code that it shows, as a picture's address. */
function code(selector) {
  const drawn = document.querySelector(selector).cloneNode(true);
  drawn.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  drawn.setAttribute('width', '400');
  drawn.setAttribute('height', '400');
  return `data:image/svg+xml,${encodeURIComponent(drawn.outerHTML)}`;
}

/** Runs in a page: from now on its camera sees that, held a little askew, on a paper; or only the paper. */
async function holdBefore(address) {
  const picture = new Image();
  if (address) picture.src = address;
  if (address) await picture.decode();
  window.held = [];
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const paint = canvas.getContext('2d');
    const draw = () => {
      paint.resetTransform();
      paint.fillStyle = '#5a6a66';
      paint.fillRect(0, 0, 1280, 720);
      paint.setTransform(1, 0.08, -0.12, 1, 400, 110);
      paint.fillStyle = '#efece4';
      paint.fillRect(-40, -40, 480, 480);
      if (address) paint.drawImage(picture, 0, 0);
    };
    draw();
    setInterval(draw, 50);
    const stream = canvas.captureStream(20);
    window.held.push(...stream.getTracks());
    return stream;
  };
}

/** Runs in a page: takes that picture, or an empty one, from a file. */
async function chooseFile(address) {
  const canvas = Object.assign(document.createElement('canvas'), { width: 500, height: 500 });
  const paint = canvas.getContext('2d');
  paint.fillStyle = '#ffffff';
  paint.fillRect(0, 0, 500, 500);
  if (address) {
    const picture = Object.assign(new Image(), { src: address });
    await picture.decode();
    paint.drawImage(picture, 50, 50);
  }
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  const files = new DataTransfer();
  files.items.add(new File([blob], 'code.png', { type: 'image/png' }));
  const input = document.querySelector('dialog input[type=file]');
  input.files = files.files;
  input.dispatchEvent(new Event('change', { bubbles: true }));
}
