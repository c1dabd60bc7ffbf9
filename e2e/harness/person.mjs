// A person without a browser: speaks to their app as a page does, over the loopback WebSocket. For the demo, and for tests in which
// nothing is to be seen.
import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import WebSocket from 'ws';

const WITHIN_MS = 45_000;

export class Person {
  /** `start` is the address that the app prints, with the secret behind `#`; `connect` leads to its port where it is not ours. */
  static async at(start, { connect } = {}) {
    const url = new URL(start);
    const socket = new WebSocket(`ws://${url.host}/ws`, ['umweg.v1'], {
      origin: url.origin,
      ...(connect && { createConnection: () => connect(url.port) }),
    });
    const person = new Person(socket, start);
    await once(socket, 'open');
    await person.sees('the first view', () => true);
    return person;
  }

  constructor(socket, start) {
    this.socket = socket;
    this.start = start;
    this.view = null;
    this.handleMedia = () => {};
    this.answers = new Map();
    this.watchers = new Set();
    this.commands = 0;
    socket.on('message', (text) => this.#take(JSON.parse(text)));
    socket.on('error', () => {}); // it closes next
    socket.on('close', () => this.answers.forEach((answer) => answer({ error: 'the app is gone' })));
  }

  /** Asks for something; settles when the app has written it down. */
  async command(kind, wish = {}) {
    if (this.socket.readyState !== WebSocket.OPEN) throw new Error(`${kind}: the app is gone`);
    const id = ++this.commands;
    const answer = new Promise((resolve, reject) => {
      this.answers.set(id, ({ error }) => (error ? reject(new Error(`${kind}: ${JSON.stringify(error)}`)) : resolve()));
    });
    this.socket.send(JSON.stringify({ id, command: { kind, ...wish } }));
    return answer;
  }

  /** Takes part in calls as a page does: what a page is told goes to `handle`. */
  takesMedia(handle) {
    this.handleMedia = handle;
    this.socket.send(JSON.stringify({ media: true }));
  }

  look(at) {
    this.socket.send(JSON.stringify({ look: at }));
  }

  /** Waits until `found` answers with something for the view of the moment, and answers with that. */
  sees(what, found, within = WITHIN_MS) {
    return new Promise((resolve, reject) => {
      const settle = (finish) => {
        clearTimeout(timer);
        this.watchers.delete(watcher);
        finish();
      };
      const timer = setTimeout(() => settle(() => reject(new Error(`waited ${within} ms for ${what}; the view is ${JSON.stringify(this.view, null, 1)}`))), within);
      const watcher = () => {
        const value = this.view && found(this.view);
        if (value) settle(() => resolve(value));
      };
      this.watchers.add(watcher);
      watcher();
    });
  }

  /** Makes the account, unless it is there from before. Answers with its contact link. */
  async becomes(name) {
    if (!this.view.me) await this.command('createAccount', { name });
    return (await this.sees('an account', (view) => view.me)).link;
  }

  /** Waits until the service is reached, straight or by a proxy. */
  hasRoad() {
    return this.sees('a road', (view) => ['direct', 'proxy'].includes(view.road.kind));
  }

  /** Knows another person, mutually. */
  async meets(other) {
    const known = (view, who) => view.contacts.find((contact) => contact.account === who && contact.standing === 'accepted');
    const [me, them] = [this.view.me, other.view.me];
    if (known(this.view, them.account)) return;
    await this.command('requestContact', { link: them.link, text: `It is ${me.name}.` });
    await other.sees(`the request of ${me.name}`, (view) => view.requests.find((request) => request.account === me.account));
    await other.command('acceptRequest', { account: me.account });
    await this.sees(`that ${them.name} accepted`, (view) => known(view, them.account));
  }

  chatWith(name) {
    return this.sees(`a conversation with ${name}`, (view) => view.chats.find((chat) => chat.title === name));
  }

  /** Every text of a conversation, in its order. */
  async texts(chat) {
    const pages = [];
    // A page from before is not taken for the newest.
    this.look({ chat: null, before: null, call: null });
    await this.sees('no conversation', (view) => !view.chat);
    for (let before = null; ; ) {
      const page = await this.#page(chat, before);
      pages.unshift(page.lines);
      if (!page.older) break;
      before = page.lines[0].seq;
    }
    return pages.flat().filter((line) => line.line.kind === 'text').map((line) => line.line.text);
  }

  /** A page of lines that all lie before an entry; `null`: the newest. */
  #page(chat, before) {
    this.look({ chat, before, call: null });
    // What waits to be sent has no number yet, and stands on the newest page.
    const fits = (view) => view?.id === chat && view.lines.length > 0 && (before === null || view.lines.every(({ seq }) => seq > 0 && seq < before));
    return this.sees('a page of the conversation', (view) => fits(view.chat) && view.chat);
  }

  close() {
    this.socket.terminate();
  }

  /** See programs/umweg/src/pages/proof.rs; whether the app proves itself is of no interest here. */
  #prove(challenge) {
    const { host, hash } = new URL(this.start);
    const nonce = randomUUID();
    const text = ['umweg.v1', 'page', host, challenge, nonce].join('\n');
    const proof = createHmac('sha256', hash.slice(1)).update(text).digest('hex');
    this.socket.send(JSON.stringify({ nonce, proof }));
  }

  #take({ challenge, view, answer, media }) {
    if (challenge) this.#prove(challenge);
    if (view) {
      this.view = view;
      this.watchers.forEach((watcher) => watcher());
    }
    if (answer) {
      this.answers.get(answer.id)?.(answer);
      this.answers.delete(answer.id);
    }
    if (media) this.handleMedia(media);
  }
}
