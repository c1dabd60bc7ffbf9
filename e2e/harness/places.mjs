// Two places with a bad link between them: network namespaces, joined by `umweg-link`.
//
// Programs and browsers are started inside a place with `within`; a person speaks to an app inside it by `connect`. Needs root.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program, temporaryFolder } from './programs.mjs';

const RELAY = fileURLToPath(new URL('relay.mjs', import.meta.url));
/** Of private use (RFC 1918); the namespaces hold nothing else. */
const network = (place) => [1, 2, 3].map((host) => `10.213.${place}.${host}`);
const MTU = '1400';

const namespaces = new Set();
process.on('exit', () => namespaces.forEach(remove));

/** Makes the places `near` and `far`. `condition` is the link's at the beginning: what `change` takes. */
export async function makePlaces(condition = {}) {
  needRoot();
  const near = await Place.make('near', network(1));
  const far = await Place.make('far', network(2));
  const devices = { near: `uwn${process.pid}`, far: `uwf${process.pid}` };
  const link = await Program.start('link', 'umweg-link', ['--near', devices.near, '--far', devices.far], { input: true });
  near.attach(devices.near);
  far.attach(devices.far);
  const change = async (changed) => {
    const line = Object.entries(changed).map(([name, value]) => `${name}=${value}`);
    const seen = link.count;
    link.child.stdin.write(`${line.join(' ')}\n`);
    const [said] = await link.line(/^(now|refused) .*/, { after: seen });
    if (said.startsWith('refused')) throw new Error(`the link ${said}`);
  };
  await change(condition);
  const close = async () => {
    await Promise.all([link, near.relay, far.relay].map((program) => program.kill()));
    [near, far].forEach((place) => remove(place.name));
  };
  return { near, far, change, close };
}

class Place {
  static async make(role, addresses) {
    const place = new Place(`umweg-${role}-${process.pid}`, addresses);
    ip('netns', 'add', place.name);
    namespaces.add(place.name);
    ip('-n', place.name, 'link', 'set', 'lo', 'up');
    place.relay = await Program.start(`way into ${role}`, process.execPath, [RELAY, place.socket], { within: place.within });
    return place;
  }

  constructor(name, addresses) {
    this.name = name;
    this.addresses = addresses;
    /** What stands before a command that is to run here. */
    this.within = ['ip', 'netns', 'exec', name];
    this.socket = join(temporaryFolder('way'), 'socket');
  }

  /** Gives it the end of the link: its only way to the world. */
  attach(device) {
    ip('link', 'set', device, 'netns', this.name);
    for (const address of this.addresses) ip('-n', this.name, 'address', 'add', `${address}/24`, 'dev', device);
    ip('-n', this.name, 'link', 'set', device, 'up', 'mtu', MTU);
    ip('-n', this.name, 'route', 'add', 'default', 'dev', device);
  }

  /** A connection to a port of this place's loopback. */
  connect = (port) => {
    const socket = connect(this.socket);
    socket.write(`${port}\n`);
    return socket;
  };

  /** A program that runs here, as one file: for who starts browsers by their path. */
  wrap(path) {
    const script = join(temporaryFolder('wrapped'), 'program');
    writeFileSync(script, `#!/bin/sh\nexec ${this.within.join(' ')} ${path} "$@"\n`);
    chmodSync(script, 0o755);
    return script;
  }

  /** The TCP connections here, as `ss` knows them. */
  connections() {
    return execFileSync('ip', ['netns', 'exec', this.name, 'ss', '-tinpHO'], { encoding: 'utf8' }).trim().split('\n');
  }
}

function needRoot() {
  try {
    if (process.getuid() !== 0) throw new Error('not root');
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    ip('netns', 'list');
  } catch (error) {
    throw new Error(`network namespaces cannot be made (${error.message}): run this as root, with iproute2 installed and /dev/net/tun there (modprobe tun)`);
  }
}

function remove(name) {
  if (namespaces.delete(name)) ip('netns', 'delete', name);
}

function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
