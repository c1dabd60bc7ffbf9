// People in a call without a browser: each has an app of its own, and for the sound a synthetic peer (WebRTC by str0m) in the page's
// place. It makes the offer that a page would make, seals what it says under the app's keys, and opens what it hears with them.
import { Program } from './programs.mjs';

/** So many of the loudest each of them takes in: fewer than a page, because they all share the machine with the browsers. */
const SLOTS = 2;
/** Decibels below the loudest there is. */
const QUIET = -80;
const LOUD = -10;

export class Voices {
  static async start() {
    return new Voices(await Program.start('voices', 'umweg-bench', ['voices'], { input: true }));
  }

  constructor(program) {
    this.program = program;
    this.count = 0;
  }

  /** Somebody's app has a page from now on. */
  of(person) {
    return new Voice(this, ++this.count, person);
  }

  tell(what) {
    this.program.child.stdin.write(`${JSON.stringify(what)}\n`);
  }

  async ask(what) {
    const seen = this.program.count;
    this.tell(what);
    const [line] = await this.program.line(new RegExp(`.*"voice":${what.voice}}$`), { after: seen });
    return JSON.parse(line);
  }
}

class Voice {
  constructor(voices, number, person) {
    Object.assign(this, { voices, number, person });
    this.#tell('speak', { level: QUIET });
    person.takesMedia((event) => this.#take(event));
  }

  speaksUp() {
    this.#tell('speak', { level: LOUD });
  }

  falls() {
    this.#tell('speak', { level: QUIET });
  }

  /** Frames that it heard and opened since it was last asked, by the leaf that sealed them, and those that did not open. */
  async heard() {
    const { heard, refused } = await this.voices.ask({ kind: 'heard', voice: this.number });
    return { heard: new Map(Object.entries(heard).map(([leaf, frames]) => [Number(leaf), frames])), refused };
  }

  async #take({ kind, call, sdp, epoch, leaf, baseKey }) {
    if (kind === 'makeOffer') {
      const { offer } = await this.voices.ask({ kind, voice: this.number, slots: SLOTS });
      await this.person.command('offer', { call, sdp: offer });
    }
    if (kind === 'answer') this.#tell(kind, { sdp });
    if (kind === 'keys') this.#tell(kind, { epoch, leaf, base_key: [...Buffer.from(baseKey, 'base64url')] });
  }

  #tell(kind, what) {
    this.voices.tell({ kind, voice: this.number, ...what });
  }
}
