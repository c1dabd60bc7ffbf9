// Power cuts: service, proxy and apps are killed outright at random moments while two people write. What an app said that it had
// written down arrives once, and in order.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as pass } from 'node:timers/promises';
import { blocked, startApp, startProxy, startService } from './harness/house.mjs';
import { Person } from './harness/person.mjs';
import { freePorts } from './harness/ports.mjs';
import { stopAll, temporaryFolder } from './harness/programs.mjs';

const KILLS = Number(process.env.UMWEG_KILLS ?? 100);
const SEED = Number(process.env.UMWEG_SEED ?? Date.now() % 1_000_000);

after(stopAll);

test(`after ${KILLS} kills everything that was taken is there once and in order (UMWEG_SEED=${SEED})`, async () => {
  const random = generator(SEED);
  const [service, proxy, ann, bob] = await household();
  const chat = (await ann.person.chatWith('Bob')).id;
  let over = false;
  const writers = [ann, bob].map((writer) => writer.writes(chat, () => over));
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pass(random() * 300);
    const victim = [service, proxy, ann, bob][Math.floor(random() * 4)];
    await victim.dies();
    await victim.lives();
  }
  over = true;
  await Promise.all(writers);

  const certain = [...ann.certain, ...bob.certain];
  const [atAnn, atBob] = await Promise.all([ann, bob].map((reader) => reader.hasAll(chat, certain)));
  assert.deepEqual(atAnn, atBob, 'both see the same');
  assert.equal(new Set(atAnn).size, atAnn.length, 'nothing is doubled');
  assert.ok(certain.length > KILLS, 'they wrote all the while');
  for (const writer of [ann, bob]) {
    const own = atAnn.filter((text) => text.startsWith(writer.name)).map((text) => Number(text.split(' ')[1]));
    assert.deepEqual(own, [...own].sort((one, other) => one - other), `what ${writer.name} wrote stands in the order of writing`);
  }
});

async function household() {
  const ports = await freePorts(10);
  const take = (names) => Object.fromEntries(names.map((name) => [name, ports.pop()]));
  const [serviceData, servicePorts] = [temporaryFolder('service'), take(['tls', 'plain', 'bare', 'relay', 'udp'])];
  const service = new Mortal(() => startService({ data: serviceData, ports: servicePorts }));
  await service.lives();
  const link = service.program.ready.link;
  const [proxyData, proxyPorts] = [temporaryFolder('proxy'), take(['tls', 'plain', 'bare'])];
  const proxy = new Mortal(() => startProxy('Road', link, { data: proxyData, ports: proxyPorts }));
  await proxy.lives();
  const ann = new Writer('Ann', link, { port: ports.pop() });
  const bob = new Writer('Bob', blocked(link), { port: ports.pop(), proxies: [proxy.program.ready.link] });
  for (const writer of [ann, bob]) {
    await writer.lives();
    await writer.person.becomes(writer.name);
    await writer.person.hasRoad();
  }
  await bob.person.meets(ann.person);
  return [service, proxy, ann, bob];
}

/** A program that can be killed and comes back on the same folder and ports. */
class Mortal {
  constructor(start) {
    this.start = start;
  }

  async lives() {
    this.program = await this.start();
  }

  async dies() {
    await this.program.kill();
  }
}

class Writer extends Mortal {
  constructor(name, link, options) {
    const data = temporaryFolder(`app-${name}`);
    super(() => startApp(name, link, { ...options, data }));
    this.name = name;
    /** What the app said that it had written down. The rest is there once or not at all. */
    this.certain = [];
  }

  async lives() {
    await super.lives();
    this.person = await Person.at(this.program.ready.link);
  }

  async writes(chat, isOver) {
    for (let number = 0; !isOver(); number += 1) {
      const text = `${this.name} ${number}`;
      const taken = await this.person.command('sendText', { chat, text, replyTo: null }).then(() => true, () => false);
      if (taken) this.certain.push(text);
      await pass(taken ? 150 : 20);
    }
  }

  /** Waits until all of those texts are here, and answers with all that are. */
  async hasAll(chat, wanted) {
    for (const deadline = Date.now() + 60_000; ; await pass(500)) {
      const texts = await this.person.texts(chat);
      const missing = wanted.filter((text) => !texts.includes(text));
      if (missing.length === 0) return texts;
      assert.ok(Date.now() < deadline, `${this.name} lacks ${missing.length}: ${missing.slice(0, 5)}`);
    }
  }
}

/** Mulberry32: small, and the same for a seed everywhere. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
