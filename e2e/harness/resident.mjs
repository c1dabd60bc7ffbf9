// A person with an app, and perhaps a page: commands go to the app, the page only takes part in calls. For tests in which calls run
// and nothing is clicked.
import { setTimeout as pass } from 'node:timers/promises';
import { startApp } from './house.mjs';
import { Person } from './person.mjs';

const CALL_WITHIN_MS = 60_000;

export class Resident {
  /** `place`: see places.mjs; without one it is here. */
  static async comes(name, place, serviceLink, options = {}) {
    const someone = new Resident();
    Object.assign(someone, { name, place, proxies: [] });
    someone.app = await startApp(name, serviceLink, { ...options, place });
    someone.person = await Person.at(someone.app.ready.link, { connect: place?.connect });
    await someone.person.becomes(name);
    await someone.person.hasRoad();
    return someone;
  }

  /** Opens the page in a browser of its own, which it answers with. */
  async opens(launch, options = {}) {
    const browser = await launch({ ...options, ...(this.place && { wrap: (path) => this.place.wrap(path) }) });
    await this.opensIn(browser);
    return browser;
  }

  async opensIn(browser) {
    this.screen = await browser.open(this.app.ready.link);
    await this.screen.until('the page to be in touch with its app', () => Boolean(window.umweg));
  }

  /** Makes a group with others, and waits until all have it. Answers with its conversation. */
  async founds(title, others) {
    await this.person.command('createGroup', { name: title, members: others.map((other) => other.account) });
    const [chat] = await Promise.all([this, ...others].map((someone) => someone.person.chatWith(title)));
    return chat.id;
  }

  /** Calls in a conversation; the others join. Answers with the call. */
  async callsAnd(title, others) {
    const chat = await this.person.chatWith(title);
    await this.person.command('startCall', { chat: chat.id, video: true });
    const call = (await this.person.sees('the call', (view) => view.calls.find((row) => row.state.kind === 'in'))).id;
    for (const other of others) {
      await other.person.sees('the call', (view) => view.calls.find((row) => row.id === call), CALL_WITHIN_MS);
      await other.person.command('joinCall', { call, video: true });
    }
    for (const one of [this, ...others]) await one.isIn(call);
    return call;
  }

  get account() {
    return this.person.view.me.account;
  }

  isIn(call) {
    this.person.look({ chat: null, before: null, call });
    return this.person.sees('to be in the call', (view) => view.call?.id === call && view.call.state.kind === 'in' && view.call, CALL_WITHIN_MS);
  }

  /** Waits until picture and sound of so many others come in, opened, from now on. Answers with how many milliseconds that took. */
  seesAndHears(others, within = CALL_WITHIN_MS) {
    return this.#notices(`see and hear ${others}`, within, (grown) => grown.seen.size >= others && grown.heard.size >= others);
  }

  /** Waits until sound of these others comes in, opened, from now on. */
  hears(others, within = CALL_WITHIN_MS) {
    const rows = this.person.view.call.present;
    const leaves = others.map((other) => rows.find((row) => row.account === other.account).leaf);
    return this.#notices(`hear ${others.map((other) => other.name)}`, within, ({ heard }) => leaves.every((leaf) => heard.has(leaf)));
  }

  /** Waits until another is shown as speaking. */
  showsSpeaking(other, within = CALL_WITHIN_MS) {
    const isShown = (account) => document.querySelector(`[data-tile="${account}"]`)?.dataset.speaking === 'true';
    return this.screen.until(`${other.name} to be shown as speaking`, isShown, other.account, within);
  }

  async #notices(what, within, isSo) {
    const begun = performance.now();
    const grown = new Growth(await this.#stats());
    for (;;) {
      const stats = await this.#stats();
      const seen = grown.leaves(stats, 'video', ['framesDecoded']);
      const heard = grown.leaves(stats, 'audio', ['packetsReceived', 'audioEnergy']);
      if (isSo({ seen, heard })) return performance.now() - begun;
      if (performance.now() - begun > within) throw new Error(`waited ${within} ms for ${this.name} to ${what}: ${JSON.stringify(stats)}\n${this.app.log}`);
      await pass(50);
    }
  }

  #stats() {
    return this.screen.evaluate(() => window.umweg.stats());
  }
}

/** What of a page's counts has grown since a moment. Another connection counts from nothing again. */
class Growth {
  #floors = new Map();

  constructor(stats) {
    for (const each of stats?.inbound ?? []) this.#floors.set(each.mid, { ...each });
  }

  /** From whom something of that kind came. */
  leaves(stats, kind, counts) {
    const ofKind = (stats?.inbound ?? []).filter((each) => each.kind === kind && each.leaf !== null);
    return new Set(ofKind.filter((each) => counts.every((count) => this.#grew(each, count))).map((each) => each.leaf));
  }

  #grew(each, count) {
    const floor = this.#floors.get(each.mid) ?? {};
    this.#floors.set(each.mid, floor);
    floor[count] = Math.min(floor[count] ?? 0, each[count]);
    return each[count] > floor[count];
  }
}
