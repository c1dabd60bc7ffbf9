// ./x screenshots: the pictures of the README, from real programs and real pages. Only what the cameras see is painted.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from './harness/browsers.mjs';
import { blocked, startApp, startProxy, startService } from './harness/house.mjs';
import { Person } from './harness/person.mjs';
import { stopAll } from './harness/programs.mjs';

const FOLDER = fileURLToPath(new URL('../docs/pictures', import.meta.url));
const GROUP = 'Saturday hike';
const SKIES = { Ada: ['#33597a', '#e3a77a'], Ben: ['#2c5a4a', '#d8c98f'], Cem: ['#4a3f6b', '#d98f86'] };
const TALK = [
  ['Ben', 'The weather holds until three, says the hut.'],
  ['Ada', 'Then the eight o’clock train. I bring the map.'],
  ['Cem', 'I got through! The direct road is shut here since noon, this comes by a proxy.'],
  ['Ada', 'Good to hear you. Shall we talk it over?'],
];

try {
  await takePictures();
} finally {
  await stopAll();
}

async function takePictures() {
  mkdirSync(FOLDER, { recursive: true });
  const service = await startService();
  const link = service.ready.link;
  const proxy = await startProxy('North', link);
  const [ada, ben, cem] = await Promise.all([
    household('Ada', link),
    household('Ben', link),
    household('Cem', blocked(link), { proxies: [proxy.ready.link] }),
  ]);
  const people = { Ada: ada, Ben: ben, Cem: cem };
  for (const [one, other] of [[ben, ada], [cem, ada], [cem, ben]]) await one.person.meets(other.person);
  const accounts = [ben, cem].map(({ person }) => person.view.me.account);
  await ada.person.command('createGroup', { name: GROUP, members: accounts });
  const { id } = await ada.person.chatWith(GROUP);
  await Promise.all([ben, cem].map(({ person }) => person.chatWith(GROUP)));
  for (const [name, text] of TALK) {
    await people[name].person.command('sendText', { chat: id, text, replyTo: null });
    for (const { person } of Object.values(people)) await person.sees(text, (view) => view.chats.find((chat) => chat.id === id)?.preview?.line.text === text);
  }

  for (const someone of [ada, ben, cem]) await opensChat(someone, id);
  await ada.screen.click('button', 'Video call');
  await ben.screen.click('button', 'Join', { inside: 'dialog' });
  await cem.screen.click('button', 'Ignore', { inside: 'dialog' });
  await cem.screen.find('button', `Join the call in ${GROUP}`);
  await shoot(cem, 'conversation', 'light');

  await cem.screen.click('button', `Join the call in ${GROUP}`);
  await cem.screen.click('button', /^Join$/);
  await ada.screen.until('all pictures', () => [...document.querySelectorAll('video')].filter((video) => video.videoWidth >= 640).length >= 3, null, 60_000);
  await ada.screen.until('the call to go well', () => document.querySelectorAll('.quality[data-grade=good]').length >= 3 && !document.querySelector('.quality-why'), null, 60_000);
  await shoot(ada, 'call', 'dark');
  await Promise.all([ada, ben, cem].map(({ browser }) => browser.close()));
}

async function household(name, link, options = {}) {
  const app = await startApp(name, link, options);
  const person = await Person.at(app.ready.link);
  await person.becomes(name);
  await person.hasRoad();
  const browser = await chromium();
  const screen = await browser.open('about:blank');
  await screen.page.addInitScript(painted, SKIES[name]);
  await screen.page.goto(app.ready.link);
  return { person, browser, screen };
}

async function opensChat({ screen }, id) {
  await screen.click('button', GROUP, { inside: `[data-chat="${id}"]` });
  await screen.find('textbox', 'Message');
}

async function shoot({ screen }, name, colorScheme) {
  await screen.page.emulateMedia({ colorScheme });
  await screen.evaluate(() => document.fonts.ready);
  await screen.page.screenshot({ path: `${FOLDER}/${name}.png` });
}

/** Runs in a page before its own scripts: the camera sees somebody before a sky, rather than the browser's test picture. */
function painted([sky, light]) {
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    for (const track of stream.getVideoTracks()) {
      stream.removeTrack(track);
      track.stop();
      stream.addTrack(picture());
    }
    return stream;
  };
  function picture() {
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280, height: 720 });
    const paint = canvas.getContext('2d');
    const gradient = paint.createLinearGradient(0, 0, 0, 720);
    gradient.addColorStop(0, sky);
    gradient.addColorStop(1, light);
    const draw = () => {
      paint.fillStyle = gradient;
      paint.fillRect(0, 0, 1280, 720);
      paint.fillStyle = 'rgb(20 26 25 / 0.75)';
      paint.beginPath();
      paint.arc(640, 330, 130, 0, 2 * Math.PI);
      paint.ellipse(640, 780, 320, 270, 0, 0, 2 * Math.PI);
      paint.fill();
    };
    draw();
    // Nothing moves, and three browsers share one machine.
    setInterval(draw, 200);
    return canvas.captureStream(5).getVideoTracks()[0];
  }
}
