// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { PresentRow } from "../../src/contract";
import { withConstantRate } from "../../src/media/answer";
import { acquire } from "../../src/media/devices";
import { firstCounter } from "../../src/media/frame-worker";
import { reportOf } from "../../src/media/quality";
import { Frames } from "../../src/media/sframe/frames";
import { Gap, REQUEST_GAP_MS } from "../../src/media/sframe/gap";
import { KeyRing } from "../../src/media/sframe/keyring";
import { MISPLACED_AFTER_MS, Misplaced } from "../../src/media/sframe/misplaced";
import { REORDER_MAX, ReplayWindow } from "../../src/media/sframe/replay";
import { pictureOf } from "../../src/media/slots";
import { Unheard } from "../../src/media/speaking";
import type { MediaStats } from "../../src/media/stats";
import { Wish } from "../../src/media/wish";
import { gridOf, pictureHeight } from "../../src/screens/grid";
import { spotlightOf } from "../../src/screens/spotlight";

describe("a replay window", () => {
  it("takes each number once, in any order", () => {
    const window = new ReplayWindow();
    for (const counter of [5n, 3n, 4n, 9n, 7n]) {
      expect(window.isFresh(counter)).toBe(true);
      window.note(counter);
      expect(window.isFresh(counter)).toBe(false);
    }
    expect(window.isFresh(6n)).toBe(true);
  });

  it("refuses what is too old to be known, also after a jump", () => {
    const window = new ReplayWindow();
    window.note(1n);
    window.note(BigInt(REORDER_MAX) + 1n);
    expect(window.isFresh(1n)).toBe(false);
    expect(window.isFresh(2n)).toBe(true);
    window.note(2n ** 63n);
    expect(window.isFresh(2n)).toBe(false);
    expect(window.isFresh(2n ** 63n - 1n)).toBe(true);
  });
});

describe("after a gap", () => {
  it("a key frame is asked for at the first frame that opens, and again until it is there", () => {
    const gap = new Gap();
    expect(gap.handleOpened(false, 0)).toBe(false);
    gap.handleMissed();
    expect(gap.handleOpened(false, 1_000)).toBe(true);
    expect(gap.handleOpened(false, 1_000 + REQUEST_GAP_MS - 1)).toBe(false);
    expect(gap.handleOpened(false, 1_000 + REQUEST_GAP_MS)).toBe(true);
    expect(gap.handleOpened(true, 9_000)).toBe(false);
    expect(gap.handleOpened(false, 20_000)).toBe(false);
  });
});

describe("a switch", () => {
  it("stays as the person turned it while an older view arrives", () => {
    const muted = new Wish(false);
    muted.want(true);
    muted.confirm(false);
    expect(muted.value).toBe(true);
    muted.confirm(true);
    expect(muted.value).toBe(true);
    muted.confirm(false);
    expect(muted.value).toBe(false);
  });

  it("goes back when the app refuses", () => {
    const camera = new Wish(true);
    camera.want(false);
    camera.giveUp();
    expect(camera.value).toBe(true);
  });
});

describe("a picture", () => {
  const stream = {} as MediaStream;
  const person: PresentRow = {
    account: "a",
    name: "A",
    me: false,
    since: 0,
    video: true,
    muted: false,
    byProxy: false,
    participant: 7,
    leaf: 2,
    hand: null,
    reaction: null,
    warning: null,
  };
  const slot = { mid: "4", kind: "video" as const, screen: false, stream };
  const slots = [
    { mid: "1", participant: 7 },
    { mid: "4", participant: 7 },
  ];

  it("is shown where the SFU and the frames' key id name the same person", () => {
    expect(pictureOf(person, [{ ...slot, leaf: 2 }], slots)?.stream).toBe(stream);
  });

  it("is not taken from the same person's sound", () => {
    const sound = { mid: "1", kind: "audio" as const, leaf: 2, screen: false, stream: {} as MediaStream };
    expect(pictureOf(person, [sound, { ...slot, leaf: 2 }], slots)?.stream).toBe(stream);
    expect(pictureOf(person, [sound], slots)).toBeNull();
  });

  it("is not shown under a name that did not seal it", () => {
    expect(pictureOf(person, [{ ...slot, leaf: 3 }], slots)).toBeNull();
    expect(pictureOf(person, [{ ...slot, leaf: null }], slots)).toBeNull();
    expect(pictureOf({ ...person, participant: 8 }, [{ ...slot, leaf: 2 }], slots)).toBeNull();
    expect(pictureOf({ ...person, video: false }, [{ ...slot, leaf: 2 }], slots)).toBeNull();
  });
});

describe("devices", () => {
  const track = (kind: string) => ({ kind }) as MediaStreamTrack;
  const streamOf = (tracks: MediaStreamTrack[]) =>
    ({
      getTracks: () => tracks,
      getAudioTracks: () => tracks.filter((each) => each.kind === "audio"),
      getVideoTracks: () => tracks.filter((each) => each.kind === "video"),
    }) as MediaStream;
  const having = (kinds: string[], error: string) => ({
    getUserMedia: async (wanted?: MediaStreamConstraints) => {
      const asked = ["audio", "video"].filter((kind) => wanted?.[kind as "audio" | "video"]);
      if (!asked.every((kind) => kinds.includes(kind))) throw new DOMException("", error);
      return streamOf(asked.map(track));
    },
  });

  it("without a camera there is still the voice", async () => {
    const got = await acquire(having(["audio"], "NotFoundError"), { camera: true });
    expect(got.microphone?.kind).toBe("audio");
    expect(got.camera).toBeNull();
    expect(got.troubles).toEqual({ camera: "missing" });
  });

  it("without either one can still listen, and is told why", async () => {
    const got = await acquire(having([], "NotAllowedError"), { camera: true });
    expect(got).toEqual({ microphone: null, camera: null, troubles: { microphone: "denied", camera: "denied" } });
  });

  it("the camera is not touched in a voice call", async () => {
    const got = await acquire(having(["audio", "video"], "NotFoundError"), { camera: false });
    expect(got.camera).toBeNull();
  });
});

it("a page that is loaded again counts on above what it can have used", () => {
  const begun = Date.UTC(2026, 10, 22);
  const framesASecond = 3 * 30 + 50;
  const usedInAnHour = firstCounter(begun) + BigInt(framesASecond * 3_600);
  expect(firstCounter(begun + 3_600_000)).toBeGreaterThan(usedInAnHour);
});

it("tiles have room in every grid", () => {
  for (let people = 1; people <= 32; people++) {
    for (const shape of ["wide", "tall"] as const) {
      const { columns, rows } = gridOf(people, shape);
      expect(columns * rows).toBeGreaterThanOrEqual(people);
      expect(columns * (rows - 1)).toBeLessThan(people);
    }
  }
  expect(gridOf(2, "wide")).toEqual({ columns: 2, rows: 1 });
  expect(gridOf(2, "tall")).toEqual({ columns: 1, rows: 2 });
  expect(pictureHeight(700, 1, 1)).toBe(720);
  expect(pictureHeight(700, 2, 1)).toBe(360);
  expect(pictureHeight(700, 4, 1)).toBe(180);
});

describe("a constant rate", () => {
  const answer = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;usedtx=1;useinbandfec=1",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=fmtp:96 apt=97",
    "",
  ].join("\r\n");

  it("is asked of Opus and of nothing else", () => {
    expect(withConstantRate(answer)).toBe(
      answer.replace("minptime=10;usedtx=1;useinbandfec=1", "minptime=10;useinbandfec=1;cbr=1;usedtx=0"),
    );
  });

  it("is asked where the answer says nothing of Opus", () => {
    const bare = answer.replace("a=fmtp:111 minptime=10;usedtx=1;useinbandfec=1\r\n", "");
    expect(withConstantRate(bare)).toContain("a=rtpmap:111 opus/48000/2\r\na=fmtp:111 cbr=1;usedtx=0\r\n");
  });

  it("leaves an answer without Opus as it is", () => {
    expect(withConstantRate("v=0\r\n")).toBe("v=0\r\n");
  });
});

describe("who speaks while muted", () => {
  it("is told after a moment, not for a cough, and not once the microphone is on", () => {
    const unheard = new Unheard();
    expect([0.9, 0.1, 0.9, 0.1].map((level) => unheard.handleLevel(level))).toEqual([false, false, false, false]);
    expect([0.9, 0.9, 0.9, 0.1].map((level) => unheard.handleLevel(level))).toEqual([false, false, true, true]);
    expect(unheard.handleLevel(0)).toBe(false);
  });

  it("is told for a while only", () => {
    const unheard = new Unheard();
    for (let look = 0; look < 3; look++) unheard.handleLevel(0.9);
    const later = Array.from({ length: 40 }, () => unheard.handleLevel(0.1));
    expect(later[0]).toBe(true);
    expect(later.at(-1)).toBe(false);
  });
});

describe("the large place", () => {
  const people = [0, 1, 2].map((leaf) => ({ leaf, me: leaf === 0 })) as PresentRow[];
  const quiet = { pinned: null, layout: "grid", speaker: null } as const;

  it("is the pinned one's, then a shared screen's, then the speaker's where that is wished", () => {
    expect(spotlightOf(people, [1], { ...quiet, pinned: 2 })).toEqual({ leaf: 2, why: "pinned" });
    expect(spotlightOf(people, [1], quiet)).toEqual({ leaf: 1, why: "screen" });
    expect(spotlightOf(people, [], { ...quiet, speaker: 2 })).toBeNull();
    expect(spotlightOf(people, [], { ...quiet, layout: "speaker", speaker: 2 })).toEqual({ leaf: 2, why: "speaker" });
  });

  it("is nobody's who is not there, and not one's own", () => {
    expect(spotlightOf(people, [9], { ...quiet, pinned: 9 })).toBeNull();
    expect(spotlightOf(people, [], { ...quiet, layout: "speaker", speaker: 9 })).toEqual({ leaf: 1, why: "speaker" });
  });
});

describe("how well a call goes", () => {
  const inbound = { mid: "1", kind: "audio", framesDecoded: 0, packetsReceived: 0, packetsLost: 0, bytesReceived: 0 };
  const rest = { audioEnergy: 0, freezes: 0, frozenMs: 0, delayMs: 40, height: 0, participant: 2 };
  const of = (leaf: number, packetsReceived: number, packetsLost: number, freezes = 0) => {
    const bytesReceived = packetsReceived * 100;
    return { ...inbound, ...rest, mid: String(leaf), leaf, packetsReceived, packetsLost, bytesReceived, freezes };
  };
  const frames = new Frames(new KeyRing(), 0n).counts;
  const stats = (...inbound: ReturnType<typeof of>[]): MediaStats => {
    return { link: "connected", frames, inbound, outbound: [], roundTrip: { ms: 60, lost: 0 } };
  };

  it("is counted from one look to the next", () => {
    const report = reportOf(stats(of(1, 1_000, 500)), stats(of(1, 1_100, 500)), 2);
    expect(report.rates[0]).toMatchObject({ leaf: 1, audio: 40_000, lost: 0 });
    expect(report.people.get(1)).toEqual({ grade: "good", reason: null });
    expect(report.own).toEqual({ grade: "good", reason: null });
  });

  it("with loss of one of several is a matter of their road, of all of one's own", () => {
    const before = stats(of(1, 0, 0), of(2, 0, 0));
    const one = reportOf(before, stats(of(1, 100, 0), of(2, 80, 20)), 2);
    expect(one.people.get(2)).toEqual({ grade: "poor", reason: "theirs" });
    expect(one.own.grade).toBe("good");
    const all = reportOf(before, stats(of(1, 95, 5), of(2, 80, 20)), 2);
    expect(all.own).toEqual({ grade: "fair", reason: "loss" });
    expect(all.people.get(2)).toEqual({ grade: "poor", reason: "loss" });
  });

  it("tells of pictures that stop, of a slow road and of a busy computer", () => {
    expect(reportOf(stats(of(1, 0, 0)), stats(of(1, 100, 0, 2)), 2).people.get(1)?.reason).toBe("frozen");
    const slow = { ...stats(), roundTrip: { ms: 900, lost: 0 } };
    expect(reportOf(slow, slow, 2).own).toEqual({ grade: "poor", reason: "delay" });
    const sent = { kind: "video", rid: "h", framesSent: 1, packetsSent: 1, bytesSent: 1, height: 360 };
    const busy = { ...stats(), outbound: [{ ...sent, limitation: "cpu" }] };
    expect(reportOf(busy, busy, 2).own).toEqual({ grade: "fair", reason: "computer" });
  });

  it("does not charge somebody who has just come with what was before", () => {
    const report = reportOf(stats(of(1, 5_000, 900)), stats({ ...of(2, 6_000, 1_000), mid: "1" }), 2);
    expect(report.people.get(2)).toEqual({ grade: "good", reason: null });
  });
});

describe("a stream that is not whose the service says", () => {
  it("is noticed when it goes on, and not while slots change", () => {
    const place = new Misplaced();
    expect(place.handleOpened(2, 0)).toBe(false);
    place.expect(3);
    expect(place.handleOpened(2, 1_000)).toBe(false);
    expect(place.handleOpened(2, 1_000 + MISPLACED_AFTER_MS - 1)).toBe(false);
    expect(place.handleOpened(2, 1_000 + MISPLACED_AFTER_MS)).toBe(true);
    place.expect(2);
    expect(place.handleOpened(2, 90_000)).toBe(false);
    place.expect(3);
    expect(place.handleOpened(2, 90_001)).toBe(false);
    expect(place.handleOpened(3, 99_000)).toBe(false);
    expect(place.handleOpened(2, 120_000)).toBe(false);
  });
});
