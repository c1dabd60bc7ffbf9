// How a call is heard and seen, by a page's own counts (the statistics of WebRTC).

/** Runs in a page before its scripts: keeps what the page connects with, for `counts` and `pauses`. */
export function keepPeers() {
  const peers = (window.peers = []);
  window.RTCPeerConnection = class extends window.RTCPeerConnection {
    constructor(...settings) {
      super(...settings);
      peers.push(this);
    }
  };
}

/** Counts between two moments, and the longest times without anything new. */
export async function measure(screen, ms) {
  const before = await screen.evaluate(counts);
  const pauses = await screen.evaluate(watchPauses, ms);
  return { ...quality(before, await screen.evaluate(counts)), ...pauses };
}

/** Runs in the page. */
async function counts() {
  const report = [...(await window.peers.at(-1).getStats()).values()];
  return {
    at: performance.now(),
    inbound: report.filter((each) => each.type === 'inbound-rtp'),
    outbound: report.filter((each) => each.type === 'outbound-rtp'),
    rtt: report.find((each) => each.type === 'candidate-pair' && each.nominated)?.currentRoundTripTime ?? null,
  };
}

/** Runs in the page: for so long it looks often whether sound and picture go on. */
async function watchPauses(ms) {
  const LOOK_EVERY_MS = 100;
  const kinds = { audio: 'packetsReceived', video: 'framesDecoded' };
  const last = { audio: { sum: -1, at: 0 }, video: { sum: -1, at: 0 } };
  const longest = { audio: 0, video: 0 };
  const end = performance.now() + ms;
  for (;;) {
    const report = [...(await window.peers.at(-1).getStats()).values()].filter((each) => each.type === 'inbound-rtp');
    const now = performance.now();
    for (const [kind, count] of Object.entries(kinds)) {
      const sum = report.filter((each) => each.kind === kind).reduce((all, each) => all + (each[count] ?? 0), 0);
      // Another connection counts from nothing again: that is new, too.
      if (last[kind].sum !== sum) {
        if (last[kind].sum !== -1) longest[kind] = Math.max(longest[kind], now - last[kind].at);
        last[kind] = { sum, at: now };
      }
    }
    if (now > end) {
      for (const kind of Object.keys(kinds)) longest[kind] = Math.max(longest[kind], now - last[kind].at);
      return { pause: longest };
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function quality(before, after) {
  const seconds = (after.at - before.at) / 1000;
  const grown = (kind) => {
    const earlier = new Map(before.inbound.map((each) => [each.id, each]));
    const streams = after.inbound.filter((each) => each.kind === kind && each.packetsReceived > (earlier.get(each.id)?.packetsReceived ?? 0));
    const sum = (count) => streams.reduce((all, each) => all + (each[count] ?? 0) - (earlier.get(each.id)?.[count] ?? 0), 0);
    return { streams, sum };
  };
  const [audio, video] = [grown('audio'), grown('video')];
  const ratio = (part, whole) => (whole > 0 ? part / whole : null);
  const height = Math.max(0, ...video.streams.map((each) => each.frameHeight ?? 0));
  return {
    rttMs: after.rtt === null ? null : after.rtt * 1000,
    audio: {
      lost: ratio(audio.sum('packetsLost'), audio.sum('packetsLost') + audio.sum('packetsReceived')),
      concealed: ratio(audio.sum('concealedSamples'), audio.sum('totalSamplesReceived')),
      bufferMs: ratio(audio.sum('jitterBufferDelay') * 1000, audio.sum('jitterBufferEmittedCount')),
    },
    video: {
      height,
      perSecond: video.sum('framesDecoded') / seconds,
      freezes: video.sum('freezeCount'),
      frozenSeconds: video.sum('totalFreezesDuration'),
    },
  };
}
