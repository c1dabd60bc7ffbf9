// A call by keyboard alone, from the ringing to the end, with what a screen reader is told; speaking for as long as the space bar is held;
// and a microphone that is pulled out in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';
import { smallCamera } from './harness/small-camera.mjs';

/** More than any screen of a call has places to stop at. */
const STOPS_MAX = 60;

const { browsers, acquainted } = newCast();

for (const [launch, options] of [[chromium, { before: [smallCamera, keepMicrophones] }], [firefox, { before: keepMicrophones }]]) {
  test(`a call goes by keyboard alone, and is told to who does not see it, in ${launch.name}`, async () => {
    const service = await startService();
    const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
    const [hers, his] = [await launch(options), await chromium({ before: smallCamera })];
    browsers.push(hers, his);
    await ada.opensIn(hers);
    await ben.opensIn(his);
    const chat = await ben.person.chatWith('Ada');
    await ben.person.command('startCall', { chat: chat.id, video: true });
    const { id: call } = await ben.person.sees('the call', (view) => view.calls.find((row) => row.state.kind === 'in'));
    ada.person.look({ chat: null, before: null, call });
    const inCall = (what, wanted) => ada.person.sees(what, (view) => view.call?.id === call && wanted(view.call));
    const { screen } = ada;

    await screen.find('dialog', 'Ben calls with video');
    await walksTo(screen, 'Ignore');
    await screen.press('Enter');
    await screen.findsNo('dialog', 'Ben calls');
    await walksTo(screen, /^Join the call in Ben$/);
    await screen.press('Enter');
    await walksTo(screen, /^Join$/);
    await screen.press('Enter');
    await ada.isIn(call);
    await Promise.all([ada, ben].map((someone) => someone.seesAndHears(1)));
    await keepsFocus(screen);

    await walksTo(screen, 'Turn microphone off');
    await screen.press('Enter');
    await inCall('to be muted', ({ muted }) => muted);
    await standsOn(screen, 'Turn microphone on');
    await screen.press('Enter');
    await inCall('to be heard', ({ muted }) => !muted);
    await walksTo(screen, 'Turn camera off');
    await screen.press('Enter');
    await inCall('to be unseen', ({ camera }) => !camera);
    await walksTo(screen, 'Raise hand');
    await screen.press('Enter');
    await inCall('the hand to be up', ({ hand }) => hand);
    await standsOn(screen, 'Lower hand');
    await walksTo(screen, 'Who is in the call');
    const isOpen = () => document.querySelector('[data-call-code]') !== null;
    const before = await screen.evaluate(isOpen);
    await screen.press('Enter');
    await screen.until('the panel to open or close', (before) => (document.querySelector('[data-call-code]') !== null) !== before, before);
    await standsOn(screen, 'Who is in the call');

    await walksTo(screen, 'More');
    await screen.press('Enter');
    await standsOn(screen, 'Show who speaks large');
    await screen.press('ArrowUp');
    await screen.press('End');
    await standsOn(screen, 'Keyboard shortcuts');
    await screen.press('ArrowUp');
    await standsOn(screen, 'Statistics');
    await screen.press('Enter');
    await screen.sees(/Sound sent\s+\d+ kbit\/s/, { inside: 'dialog' });
    await screen.sees(/Ben\s+\d+ kbit\/s\s+\d+ kbit\/s · \d+ lines/, { inside: 'dialog table' });
    await screen.press('Escape');
    await screen.findsNo('dialog', 'Statistics');
    await standsOn(screen, 'More');

    await screen.click('button', 'Turn microphone off');
    await inCall('to be muted', ({ muted }) => muted);
    await screen.page.keyboard.down(' ');
    await inCall('to be heard while the space bar is held', ({ muted }) => !muted);
    await ben.hears([ada]);
    await screen.page.keyboard.up(' ');
    await inCall('to be muted again', ({ muted }) => muted);
    await screen.press('m');
    await inCall('to be heard', ({ muted }) => !muted);

    if (launch === chromium) {
      await screen.press('w');
      const name = await screen.until('the small window with its switches', () => globalThis.documentPictureInPicture.window?.document.querySelector('button:last-of-type')?.ariaLabel);
      assert.ok(name, 'it can be used');
      await screen.press('w');
      await screen.until('the small window to be gone', () => !globalThis.documentPictureInPicture.window);
    }

    await screen.evaluate(() => window.microphones.at(-1).dispatchEvent(new Event('ended')));
    await screen.sees('The microphone was unplugged. Another one goes on.');
    await ben.hears([ada]);

    await ben.person.command('leaveCall', { call });
    await announces(screen, 'Ben left the call');
    await ben.person.command('joinCall', { call, video: true });
    await announces(screen, 'Ben joined the call');

    await walksTo(screen, 'Leave call');
    await screen.press('Enter');
    await screen.find('textbox', 'Message');
    await keepsFocus(screen);
    await screen.findsNo('button', 'Leave call');
    assert.deepEqual(screen.errors, []);
  });
}

/** Goes on with Tab until there, and looks at every stop whether one sees where one is. */
async function walksTo(screen, name) {
  const stops = [];
  await screen.find('button', name);
  for (let stop = 0; stop < STOPS_MAX; stop += 1) {
    await screen.press('Tab');
    const place = await screen.evaluate(whereIsFocus);
    // Between the page's end and its beginning lies the browser itself.
    if (!place) continue;
    stops.push(place.name);
    assert.ok(place.visible, `one sees where one is: ${place.name}`);
    if (typeof name === 'string' ? place.name.includes(name) : name.test(place.name)) return;
  }
  assert.fail(`Tab does not lead to ${name}: ${stops.join(' → ')}`);
}

/** What was pressed is another thing now, and still where one is. */
async function standsOn(screen, name) {
  await screen.find('button', name);
  assert.equal((await screen.evaluate(whereIsFocus))?.name, name);
}

/** Another screen came, and one is somewhere on it. */
function keepsFocus(screen) {
  return screen.until('the focus to be somewhere', () => document.activeElement !== null && document.activeElement !== document.body);
}

async function announces(screen, text) {
  await screen.until(`a screen reader to be told: ${text}`, (text) => document.querySelector('[data-announcer][aria-live]')?.textContent.includes(text), text);
}

/** Runs in the page. */
function whereIsFocus() {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const box = at.getBoundingClientRect();
  const inside = box.width > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
  // A row of a list is marked as a whole, by what lies over it.
  const marks = [getComputedStyle(at), getComputedStyle(at, '::after')];
  const marked = at.matches(':focus-visible') && marks.some(({ outlineStyle, outlineWidth }) => outlineStyle !== 'none' && parseFloat(outlineWidth) > 0);
  const name = at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '';
  return { name: name.trim().replace(/\s+/g, ' '), visible: inside && marked };
}

/** Runs in a page before its scripts: what it captures can be pulled out by the test. */
function keepMicrophones() {
  window.microphones = [];
  const capture = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await capture(wanted);
    window.microphones.push(...stream.getAudioTracks());
    return stream;
  };
}
