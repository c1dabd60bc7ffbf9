// What a page is told and makes of it, seen from inside: for what no screen shows.

/** Runs in a page before the page's own scripts, alone: it can use nothing from outside. */
export function witness() {
  const witnessed = { keys: [], peers: 0, peer: null };
  window.witnessed = witnessed;
  window.WebSocket = class extends window.WebSocket {
    constructor(...how) {
      super(...how);
      this.addEventListener('message', ({ data }) => {
        const media = typeof data === 'string' && JSON.parse(data).media;
        if (media?.kind === 'keys') witnessed.keys.push(media);
      });
    }
  };
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...how) {
      super(...how);
      witnessed.peers += 1;
      witnessed.peer = this;
    }
  };
}
