// Programs as child processes: started, waited for, killed. None outlives this process, however it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const TARGET = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL('../../target', import.meta.url));
const BINARIES = join(TARGET, 'debug');
const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;
const LINES_KEPT = 400;

const running = new Set();
const folders = new Set();
process.on('exit', () => {
  running.forEach((program) => program.child.kill('SIGKILL'));
  folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
});
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    interrupted = true;
    stopAll().finally(() => process.exit(0));
  });
}

/** Waits until one of them ends, unless that is because we were told to end. Answers with the one. */
export async function firstToEnd(programs) {
  const ended = await Promise.race(programs.map((program) => program.ended.then(() => program)));
  return interrupted ? new Promise(() => {}) : ended;
}

/** Ends every program, as an operator would. */
export async function stopAll() {
  await Promise.all([...running].map((program) => program.stop()));
}

/** A folder that vanishes with this process. */
export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `umweg-${name}-`));
  folders.add(folder);
  return folder;
}

export class Program {
  /**
   * Starts one of our programs (or another, by its path) and waits until it says that it is ready. `name` is how its lines are called
   * in reports; `within` stands before the command; with `input` its standard input is `child.stdin`.
   */
  static async start(name, binary, args, { env = {}, within = [], input = false } = {}) {
    const path = resolve(BINARIES, binary);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      throw new Error(`${path} is not there: ./x build makes it`);
    }
    const program = new Program(name, [...within, path, ...args], env, input);
    await program.#untilReady();
    return program;
  }

  constructor(name, started, env, input) {
    this.name = name;
    this.lines = [];
    /** Lines it wrote, the forgotten ones too. */
    this.count = 0;
    /** What stood in the line `ready key=value …`, by key; a bare word is a link. */
    this.ready = null;
    const [command, ...rest] = withParentsDeath(started);
    this.child = spawn(command, rest, { env: { ...process.env, ...env }, stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    this.ended = once(this.child, 'exit').then(([code, signal]) => {
      running.delete(this);
      return { code, signal };
    });
    running.add(this);
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
  }

  /** The last lines it wrote, for a report. */
  get log() {
    return this.lines.map((line) => `[${this.name}] ${line}`).join('\n');
  }

  /** As an operator ends it. Answers with its exit code. */
  async stop() {
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_WITHIN_MS);
    const { code } = await this.ended;
    clearTimeout(late);
    return code;
  }

  /** As a power cut ends it. */
  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Waits for a line that matches, and was not among the first `after`. */
  async line(pattern, { withinMs = READY_WITHIN_MS, after = 0 } = {}) {
    const fresh = () => this.lines.slice(Math.max(0, after - (this.count - this.lines.length)));
    const found = () => fresh().map((line) => pattern.exec(line)).find(Boolean);
    return found() ?? (await this.#nextLine(found, `a line like ${pattern}`, withinMs));
  }

  async #untilReady() {
    this.ready = readyLine(await this.line(/^ready\b(.*)$/));
  }

  #waiters = new Set();

  #take(line) {
    this.lines.push(line);
    this.count += 1;
    if (this.lines.length > LINES_KEPT) this.lines.shift();
    this.#waiters.forEach((waiter) => waiter());
  }

  #nextLine(found, wanted, withinMs) {
    return new Promise((resolve, reject) => {
      const fail = (why) => settle(() => reject(new Error(`${this.name} ${why} before it wrote ${wanted}\n${this.log}`)));
      const timer = setTimeout(() => fail(`took more than ${withinMs} ms`), withinMs);
      const waiter = () => {
        const match = found();
        if (match) settle(() => resolve(match));
      };
      const settle = (finish) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        finish();
      };
      this.#waiters.add(waiter);
      // A line that was written just before the end is still on its way.
      this.ended.then(({ code, signal }) => setTimeout(() => (waiter(), fail(`ended (${code ?? signal})`)), 100));
    });
  }
}

/** On Linux a child dies with us even when we are killed outright. */
function withParentsDeath(command) {
  return process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
}

function readyLine([, rest]) {
  const words = rest.trim().split(/\s+/).filter(Boolean);
  return Object.fromEntries(words.map((word) => /^(\w+)=(.*)$/.exec(word)?.slice(1) ?? ['link', word]));
}
