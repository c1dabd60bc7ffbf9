// A wire between two programs that we hold in our hands: it keeps a copy of every byte, and can be cut.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class Tap {
  /** Listens on a port of its own and passes everything on to `port` (and back). Without a port it refuses everybody. */
  static async to(port, host = '127.0.0.1') {
    const tap = new Tap(port, host);
    tap.server.listen(0, '127.0.0.1');
    await once(tap.server, 'listening');
    tap.port = tap.server.address().port;
    return tap;
  }

  constructor(port, host) {
    this.chunks = [];
    this.connections = 0;
    this.sockets = new Set();
    this.open = true;
    /** A connection from now on carries so many bytes, and nothing more: as one that a censor freezes. */
    this.freezesAfter = Infinity;
    this.server = createServer((near) => this.#accept(near, port, host));
  }

  /** Everything that passed, in both directions. */
  get bytes() {
    return Buffer.concat(this.chunks);
  }

  /** Ends what passes, and refuses what comes. */
  cut() {
    this.open = false;
    this.sockets.forEach((socket) => socket.destroy());
  }

  mend() {
    this.open = true;
  }

  async close() {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  #accept(near, port, host) {
    this.connections += 1;
    if (!this.open || !port) return near.destroy();
    const far = connect(port, host);
    let left = this.freezesAfter;
    for (const [from, to] of [[near, far], [far, near]]) {
      this.sockets.add(from);
      from.on('data', (chunk) => {
        this.chunks.push(chunk);
        if (left > 0) to.write(chunk.subarray(0, left));
        left -= chunk.length;
      });
      from.on('error', () => to.destroy());
      from.on('end', () => to.end());
      from.on('close', () => this.sockets.delete(from));
    }
  }
}
