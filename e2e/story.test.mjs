// The story: a service, two proxies and three people with real browsers. Each part begins where the one before ended.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { chromium, firefox } from './harness/browsers.mjs';
import { blocked, startApp, startProxy, startService } from './harness/house.mjs';
import { portsOfService, serviceWith } from './harness/links.mjs';
import { Person } from './harness/person.mjs';
import { stopAll, temporaryFolder } from './harness/programs.mjs';
import { keyIdOf, opens } from './harness/sframe.mjs';
import { Tap } from './harness/tap.mjs';

const GROUP = 'Kitchen table';
const CALL_WITHIN_MS = 90_000;

describe('three people, two proxies and a service', () => {
  const serviceData = temporaryFolder('service');
  let relayTap;
  let proxies;
  let ada;
  let ben;
  let cem;

  before(async () => {
    const service = await startService({ data: serviceData });
    const link = service.ready.link;
    relayTap = await Tap.to(portsOfService(link).relay);
    const forProxies = serviceWith(link, { relay: relayTap.port });
    proxies = await Promise.all(['North', 'South'].map((name) => startProxy(name, forProxies)));
    const proxyLinks = proxies.map((proxy) => proxy.ready.link);
    [ada, ben, cem] = await Promise.all([
      Someone.comes('Ada', chromium, link),
      Someone.comes('Ben', firefox, link),
      Someone.comes('Cem', chromium, blocked(link), { proxies: proxyLinks }),
    ]);
  });

  after(async () => {
    await Promise.all([ada, ben, cem].map((someone) => someone?.goes()));
    await stopAll();
    await relayTap?.close();
  });

  let broken = null;
  /** A part of the story. Where one fails, those after it have nothing to begin from. */
  const part = (name, tell) =>
    test(name, async () => {
      assert.equal(broken, null, 'a part before this one failed');
      broken = name;
      await tell();
      broken = null;
    });

  part('1. people make accounts, get to know one another by links, and compare the same safety code', async () => {
    for (const someone of [ada, ben, cem]) {
      await someone.screen.fill('Your name', someone.name);
      await someone.screen.click('button', 'Create account');
      await someone.person.sees('the account', (view) => view.me?.name === someone.name);
    }
    await ben.screen.click('button', 'Add somebody');
    await ben.screen.fill('Link of the person', ada.person.view.me.link);
    await ben.screen.fill('A few words', 'It is Ben.');
    await ben.screen.click('button', 'Send request');
    await ada.openSection('People');
    await ada.screen.sees('It is Ben.');
    await ada.screen.click('button', 'Accept');
    await ben.person.chatWith('Ada');

    const codes = [await ada.safetyCodeWith('Ben'), await ben.safetyCodeWith('Ada')];
    assert.match(codes[0], /^(\d{5}\s*){12}$/);
    assert.equal(codes[0], codes[1]);

    for (const other of [ada, ben]) await cem.person.meets(other.person);
  });

  part('2. what two people write arrives once and in order although one of them is away half of the time', async () => {
    const chat = await ada.openChat('Ben');
    const written = [];
    for (let round = 0; round < 4; round += 1) {
      await ben.stopsApp();
      for (let n = 0; n < 3; n += 1) written.push(await ada.writes(`Ada, ${round}.${n}`));
      await ada.sees(chat, 'sent', written.at(-1));
      await ben.startsApp();
      for (let n = 0; n < 3; n += 1) written.push(await ben.saysWithoutScreen('Ada', `Ben, ${round}.${n}`));
      await ada.hasRead(chat, written.at(-1));
    }
    await ada.sees(chat, 'delivered', 'Ada, 3.2');
    await ben.opensScreen();
    await ben.openChat('Ada');
    await ada.sees(chat, 'read', 'Ada, 3.2');

    const [atAda, atBen] = await Promise.all([ada, ben].map((someone) => someone.texts(chat)));
    assert.deepEqual(atAda, atBen, 'both see the same');
    assert.deepEqual([...atAda].sort(), [...written].sort(), 'nothing is lost and nothing is doubled');
    for (const name of ['Ada', 'Ben']) {
      const own = (texts) => texts.filter((text) => text.startsWith(name));
      assert.deepEqual(own(atAda), own(written), `what ${name} wrote stands in the order of writing`);
    }
  });

  part('3. a group is made, all write in it, and the one who is blocked sees that it goes by a proxy', async () => {
    await ada.openSection('Chats');
    await ada.screen.click('button', 'New group');
    await ada.screen.fill('Group name', GROUP);
    for (const name of ['Ben', 'Cem']) await ada.screen.click('checkbox', name);
    await ada.screen.click('button', 'Create group');
    for (const someone of [ada, ben, cem]) {
      await someone.openChat(GROUP);
      await someone.writes(`${someone.name} is here`);
    }
    for (const reader of [ada, ben, cem]) {
      for (const writer of [ada, ben, cem]) await reader.screen.sees(`${writer.name} is here`);
    }
    await cem.screen.find('button', /By proxy (North|South)/);
    await ada.screen.find('button', 'Direct');
  });

  let call;

  part('4. a call rings; one joins, one ignores it and can still see it running and who is in it', async () => {
    await ada.screen.click('button', 'Video call');
    for (const someone of [ben, cem]) await someone.screen.find('dialog', 'Ada calls with video', { within: CALL_WITHIN_MS });
    call = (await ada.person.sees('the call', (view) => view.calls.find((row) => row.state.kind === 'in'))).id;
    await ben.screen.click('button', 'Join', { inside: 'dialog' });
    await cem.screen.click('button', 'Ignore', { inside: 'dialog' });
    await cem.screen.findsNo('dialog', 'Ada calls');
    await ben.isIn(call);

    await cem.openSection('Chats');
    await cem.screen.find('button', `Join the call in ${GROUP}`);
    await cem.openChat(GROUP);
    await cem.screen.click('button', `Join the call in ${GROUP}`);
    await cem.screen.sees('2 people in the call');
    const view = await cem.looksAt(call, (view) => view.present.length === 2);
    assert.deepEqual(view.present.map((row) => row.name).sort(), ['Ada', 'Ben']);
    assert.deepEqual(view.absent.map((row) => [row.name, row.answer]), [['Cem', 'invited']]);
  });

  part('5a. who comes late, by a proxy, sees and hears the others, and is seen and heard', async () => {
    await cem.screen.click('button', /^Join$/);
    await cem.isIn(call);
    await Promise.all([ada, ben, cem].map((someone) => someone.seesAndHears(2)));
  });

  part('5b. when somebody leaves the keys change, and what is sealed from then on does not open with theirs', async () => {
    const before = await ada.codeOf(call);
    const together = await ada.sealedFrame();
    assert.ok(await ben.holdsKeyTo(together), 'who is in holds the key');
    await ben.screen.click('button', 'Leave call');
    await ada.looksAt(call, (view) => view.present.length === 2);
    const between = await ada.codeAfter(call, before);
    assert.equal(await cem.codeAfter(call, before), between, 'who stays has the same new keys');
    const without = await ada.sealedFrame((frame) => keyIdOf(frame) !== keyIdOf(together));
    assert.ok(await cem.comesToHoldKeyTo(without), 'who stays holds the key');
    assert.equal(await ben.holdsKeyTo(without), false, 'who left does not');
    assert.ok(await ben.holdsKeyTo(together), 'although nothing that was held is lost');
    await Promise.all([ada, cem].map((someone) => someone.seesAndHears(1)));
  });

  part('5c. who comes back sees and hears again', async () => {

    await ben.screen.click('button', `Join the call in ${GROUP}`);
    await ben.screen.click('button', /^Join$/);
    await ben.isIn(call);
    await Promise.all([ada, ben, cem].map((someone) => someone.seesAndHears(2)));
  });

  part('6. who was not invited cannot join and cannot see who is in, although they know the call', async () => {
    const app = await startApp('Dora', ada.serviceLink);
    const dora = await Person.at(app.ready.link);
    await dora.becomes('Dora');
    await dora.meets(ada.person);
    // Their app does not even try. That the service refuses who lacks the capability, and each member's keys who was not invited, is
    // broken on purpose in Rust: checks 15, 18 and 20 of docs/protocol.md.
    dora.look({ chat: null, before: null, call });
    await assert.rejects(dora.command('joinCall', { call, video: false }), /unknown/);
    assert.equal(dora.view.call, null);
    dora.close();
    await app.stop();
  });

  part('7. when a proxy dies in the middle of a call, messages and the call go on by the other', async () => {
    const road = (view) => view.road.kind === 'proxy' && view.road.name;
    const first = await cem.person.sees('a proxy', road);
    const seat = cem.person.view.call.present.find((row) => row.me);
    const peers = await cem.peersMade();
    await proxies.find((proxy) => proxy.name === `proxy ${first}`).kill();
    const second = await cem.person.sees('the other proxy', (view) => road(view) && road(view) !== first && road(view), CALL_WITHIN_MS);
    assert.notEqual(second, first);
    await Promise.all([ada, ben, cem].map((someone) => someone.seesAndHears(2)));
    const now = cem.person.view.call.present.find((row) => row.me);
    assert.deepEqual([now.participant, now.since, now.leaf], [seat.participant, seat.since, seat.leaf], 'nobody joined anew');
    assert.equal(await cem.peersMade(), peers, 'the browser goes on with the same connection object');
    await cem.saysWithoutScreen(GROUP, 'still here');
    await ada.person.sees('the message', (view) => view.chats.find((chat) => chat.title === GROUP)?.preview?.line.text === 'still here');
  });

  part('5d. when the last one leaves the call is over everywhere', async () => {
    await ada.screen.click('button', 'Leave call');
    await ben.looksAt(call, (view) => view.present.length === 2);
    await ben.screen.click('button', 'Leave call');
    await cem.looksAt(call, (view) => view.present.length === 1);
    await cem.screen.click('button', 'Leave call');
    for (const someone of [ada, ben, cem]) {
      await someone.person.sees('the end', (view) => view.calls.find((row) => row.id === call)?.state.kind === 'ended', CALL_WITHIN_MS);
      await someone.screen.findsNo('button', `Join the call in ${GROUP}`);
    }
  });

  part('8. neither what a proxy passes on nor what the service keeps holds a text, a name or an account', () => {
    const accounts = [ada, ben, cem].map((someone) => someone.person.view.me.account);
    const telling = [
      ...['Ada, 0.0', 'Ben, 0.0', 'It is Ben.', 'is here', 'still here', GROUP],
      ...accounts,
      ...accounts.map((account) => Buffer.from(account, 'base64url')),
    ];
    const kept = readdirSync(serviceData, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const places = [['the wire', relayTap.bytes], ...kept.map((entry) => [entry.name, readFileSync(join(entry.parentPath ?? entry.path, entry.name))])];
    assert.ok(relayTap.bytes.length > 100_000, 'a call passed here');
    assert.ok(places.some(([, bytes]) => bytes.subarray(0, 15).toString() === 'SQLite format 3'), 'the database was looked at');
    for (const [place, bytes] of places) {
      for (const word of telling) assert.equal(bytes.indexOf(word), -1, `${place} holds ${word}`);
    }
  });

  part('no page met an error that it did not expect', () => {
    for (const someone of [ada, ben, cem]) assert.deepEqual(someone.screen.errors, [], someone.name);
  });
});

/** A person with an app, a browser, and a second eye on the app: the view itself, for what a screen shows only in part. */
class Someone {
  static async comes(name, launch, serviceLink, options = {}) {
    const someone = new Someone();
    Object.assign(someone, { name, serviceLink, options: { ...options, data: temporaryFolder(`app-${name}`) } });
    someone.browser = await launch();
    await someone.startsApp();
    await someone.opensScreen();
    return someone;
  }

  async goes() {
    this.person?.close();
    await this.browser?.close();
  }

  async startsApp() {
    this.app = await startApp(this.name, this.serviceLink, this.options);
    this.options.port = Number(new URL(this.app.ready.link).port);
    this.person = await Person.at(this.app.ready.link);
  }

  async stopsApp() {
    await this.screen?.close();
    this.screen = null;
    this.person.close();
    await this.app.stop();
  }

  async opensScreen() {
    this.screen = await this.browser.open(this.app.ready.link);
  }

  async openSection(name) {
    await this.screen.click('button', name, { inside: 'nav' });
  }

  /** Answers with the conversation's id. */
  async openChat(title) {
    const { id } = await this.person.chatWith(title);
    await this.openSection('Chats');
    await this.screen.click('button', title, { inside: `[data-chat="${id}"]` });
    await this.screen.find('textbox', 'Message');
    return id;
  }

  async safetyCodeWith(name) {
    await this.openChat(name);
    await this.screen.click('button', 'Details');
    const code = await this.screen.until('the safety code', () => /(\d{5}\s+){11}\d{5}/.exec(document.body.innerText)?.[0]);
    await this.screen.press('Escape');
    await this.screen.findsNo('dialog', 'Details');
    return code.replace(/\s+/g, ' ');
  }

  async writes(text) {
    await this.screen.fill('Message', text);
    await this.screen.press('Enter');
    await this.screen.sees(text);
    return text;
  }

  async saysWithoutScreen(title, text) {
    const { id } = await this.person.chatWith(title);
    await this.person.command('sendText', { chat: id, text, replyTo: null });
    return text;
  }

  /** Waits until an own message has come so far. */
  sees(chat, progress, text) {
    const far = ['waiting', 'sent', 'delivered', 'read'];
    return this.#line(chat, `${progress}: ${text}`, (line) => line.line.text === text && far.indexOf(line.progress) >= far.indexOf(progress));
  }

  hasRead(chat, text) {
    return this.#line(chat, text, (line) => line.line.text === text);
  }

  #line(chat, what, wanted) {
    this.person.look({ chat, before: null, call: null });
    return this.person.sees(what, (view) => view.chat?.id === chat && view.chat.lines.find(wanted));
  }

  /** All texts of a conversation, in their order. */
  async texts(chat) {
    this.person.look({ chat, before: null, call: null });
    const view = await this.person.sees('the conversation', (view) => view.chat?.id === chat && view.chat);
    return view.lines.filter((line) => line.line.kind === 'text').map((line) => line.line.text);
  }

  looksAt(call, wanted) {
    this.person.look({ chat: null, before: null, call });
    return this.person.sees('the call', (view) => view.call?.id === call && wanted(view.call) && view.call, CALL_WITHIN_MS);
  }

  isIn(call) {
    return this.looksAt(call, (view) => view.state.kind === 'in');
  }

  async codeOf(call) {
    return (await this.looksAt(call, (view) => view.code)).code;
  }

  async codeAfter(call, old) {
    return (await this.looksAt(call, (view) => view.code && view.code !== old)).code;
  }

  /** A frame of the microphone as it leaves, sealed; the first from now on that fits. */
  async sealedFrame(fits = () => true) {
    for (const deadline = Date.now() + CALL_WITHIN_MS; ; await pass(50)) {
      const bytes = await this.screen.evaluate(async () => [...((await window.umweg.lastSealed()) ?? [])]);
      const frame = Uint8Array.from(bytes);
      if (frame.length > 0 && fits(frame)) return frame;
      assert.ok(Date.now() < deadline, `${this.name} seals no such frame`);
    }
  }

  /** Whether a key that this page was ever given opens the frame. */
  async holdsKeyTo(frame) {
    const keys = await this.screen.evaluate(() => window.witnessed.keys);
    assert.ok(keys.length > 0, 'keys were seen');
    const answers = await Promise.all(keys.map(({ baseKey }) => opens(baseKey, frame)));
    return answers.includes(true);
  }

  /** The same, for a key that the page is just being given. */
  async comesToHoldKeyTo(frame) {
    for (const deadline = Date.now() + CALL_WITHIN_MS; Date.now() < deadline; await pass(50)) if (await this.holdsKeyTo(frame)) return true;
    return false;
  }

  /** How many peer connections the page has made so far. */
  peersMade() {
    return this.screen.evaluate(() => window.witnessed.peers);
  }

  /** Waits until picture and sound of so many others come in, opened, from now on. */
  async seesAndHears(others) {
    const start = await this.screen.evaluate(() => window.umweg.stats());
    const frames = await this.screen.until(
      `${this.name} to see and hear ${others}`,
      async ({ start, others }) => {
        const stats = await window.umweg.stats();
        if (!stats) return false;
        const before = (mid) => start?.inbound.find((inbound) => inbound.mid === mid);
        const grew = (kind, count) =>
          new Set(stats.inbound.filter((each) => each.kind === kind && each.leaf !== null && each[count] > (before(each.mid)?.[count] ?? 0)).map((each) => each.leaf)).size;
        return stats.link === 'connected' && grew('video', 'framesDecoded') >= others && grew('audio', 'audioEnergy') >= others && stats.frames;
      },
      { start, others },
      CALL_WITHIN_MS,
    );
    assert.equal(frames.forged, 0, 'nothing came that only claimed to be from the others');
  }
}
