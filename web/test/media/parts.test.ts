// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { PresentRow } from "../../src/contract";
import { withConstantRate } from "../../src/media/answer";
import { acquire } from "../../src/media/devices";
import { firstCounter } from "../../src/media/frame-worker";
import { reportOf } from "../../src/media/quality";
import { Burden, type Load, NO_RELIEF } from "../../src/media/relief";
import type { MediaSnapshot } from "../../src/media/session";
import { Frames } from "../../src/media/sframe/frames";
import { Gap, REQUEST_GAP_MS } from "../../src/media/sframe/gap";
import { KeyRing } from "../../src/media/sframe/keyring";
import { MISPLACED_AFTER_MS, Misplaced } from "../../src/media/sframe/misplaced";
import { REORDER_MAX, ReplayWindow } from "../../src/media/sframe/replay";
import { pictureOf } from "../../src/media/slots";
import { isLoud, Loudness, Unheard } from "../../src/media/speaking";
import type { MediaStats } from "../../src/media/stats";
import { Waiting } from "../../src/media/waiting";
import { Wish } from "../../src/media/wish";
import { gridOf, pictureHeight } from "../../src/screens/grid";
import { type Place, placesOf } from "../../src/screens/places";
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
    screen: false,
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
    { mid: "1", participant: 7, screen: false },
    { mid: "4", participant: 7, screen: false },
    { mid: "5", participant: 7, screen: true },
  ];

  it("is shown where the SFU and the frames' key id name the same person", () => {
    expect(pictureOf(person, false, [{ ...slot, leaf: 2 }], slots)).toBe(stream);
  });

  it("is not taken from the same person's sound", () => {
    const sound = { mid: "1", kind: "audio" as const, leaf: 2, screen: false, stream: {} as MediaStream };
    expect(pictureOf(person, false, [sound, { ...slot, leaf: 2 }], slots)).toBe(stream);
    expect(pictureOf(person, false, [sound], slots)).toBeNull();
  });

  it("is not shown under a name that did not seal it", () => {
    expect(pictureOf(person, false, [{ ...slot, leaf: 3 }], slots)).toBeNull();
    expect(pictureOf(person, false, [{ ...slot, leaf: null }], slots)).toBeNull();
    expect(pictureOf({ ...person, participant: 8 }, false, [{ ...slot, leaf: 2 }], slots)).toBeNull();
    expect(pictureOf({ ...person, video: false }, false, [{ ...slot, leaf: 2 }], slots)).toBeNull();
  });
});

describe("a person's screen", () => {
  const anna = { leaf: 2, participant: 7, video: true, screen: true } as PresentRow;
  const boris = { leaf: 3, participant: 8, video: true, screen: true } as PresentRow;
  const slots = [
    { mid: "4", participant: 7, screen: false },
    { mid: "5", participant: 7, screen: true },
    { mid: "6", participant: 8, screen: false },
  ];
  const [camera, screen] = [{} as MediaStream, {} as MediaStream];
  const at = (mid: string, stream: MediaStream, leaf = 2) => {
    return { mid, kind: "video" as const, leaf, screen: stream === screen, stream };
  };

  it("is shown beside the camera", () => {
    const media = [at("4", camera), at("5", screen)];
    expect([false, true].map((which) => pictureOf(anna, which, media, slots))).toEqual([camera, screen]);
    expect(pictureOf({ ...anna, screen: false }, true, media, slots)).toBeNull();
    expect(pictureOf({ ...anna, video: false }, true, media, slots)).toBe(screen);
  });

  it("is known by its seal where the service puts it into the camera's slot", () => {
    const swapped = [at("4", screen), at("5", camera)];
    expect(pictureOf(anna, true, swapped, slots)).toBe(screen);
    expect(pictureOf(anna, false, swapped, slots)).toBe(camera);
  });

  it("is not shown as another's, in whosever slot it comes", () => {
    const media = [at("6", screen)];
    for (const [person, which] of [
      [boris, false],
      [boris, true],
      [anna, true],
    ] as const)
      expect(pictureOf(person, which, media, slots)).toBeNull();
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

  it("noise is left to the browser, or the sound comes as it is for the page to take it out", async () => {
    const asked: unknown[] = [];
    const getUserMedia = async ({ audio }: MediaStreamConstraints = {}) => {
      asked.push((audio as MediaTrackConstraints).noiseSuppression);
      return streamOf([track("audio")]);
    };
    await acquire({ getUserMedia }, { camera: false }, { noiseSuppression: true, strongSuppression: false });
    await acquire({ getUserMedia }, { camera: false }, { noiseSuppression: true, strongSuppression: true });
    await acquire({ getUserMedia }, { camera: false }, { noiseSuppression: false, strongSuppression: true });
    expect(asked).toEqual([true, false, false]);
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
  const people = [0, 1, 2].map((leaf) => ({ account: "a", leaf, me: leaf === 0, screen: leaf === 1 })) as PresentRow[];
  const sharing = { sharing: { withSound: false } } as MediaSnapshot;
  const places = placesOf(people, sharing, false);
  const without = placesOf(people, null, true);
  const quiet = { pinned: null, layout: "grid", speaker: null } as const;
  const named = (place: Place | null) => place && `${place.person.leaf}${place.screen ? " screen" : ""}`;

  it("is chosen among everybody and every screen", () => {
    expect(places.map(named)).toEqual(["0", "0 screen", "1", "1 screen", "2"]);
    expect(without.map(named)).toEqual(["0", "1", "2"]);
  });

  it("is the pinned one's, then a shared screen's, then the speaker's where that is wished", () => {
    expect(named(spotlightOf(places, { ...quiet, pinned: "a 2" }))).toBe("2");
    expect(named(spotlightOf(places, { ...quiet, pinned: "a 1" }))).toBe("1");
    expect(named(spotlightOf(places, quiet))).toBe("1 screen");
    expect(spotlightOf(without, { ...quiet, speaker: 2 })).toBeNull();
    expect(named(spotlightOf(without, { ...quiet, layout: "speaker", speaker: 2 }))).toBe("2");
  });

  it("is one's own screen's only if it is pinned", () => {
    const own = placesOf(people.slice(0, 1), sharing, false);
    expect(spotlightOf(own, quiet)).toBeNull();
    expect(named(spotlightOf(own, { ...quiet, pinned: "a 0 screen" }))).toBe("0 screen");
  });

  it("is nobody's who is not there, and not one's own", () => {
    expect(spotlightOf(without, { ...quiet, pinned: "a 9" })).toBeNull();
    expect(named(spotlightOf(without, { ...quiet, layout: "speaker", speaker: 9 }))).toBe("1");
  });
});

describe("how well a call goes", () => {
  const inbound = { mid: "1", kind: "audio", framesDecoded: 0, packetsReceived: 0, packetsLost: 0, bytesReceived: 0 };
  const decoded = { framesReceived: 0, framesDropped: 0, decodingMs: 0 };
  const sound = { soundSeconds: 0, samples: 0, samplesMadeUp: 0 };
  const rest = {
    ...decoded,
    ...sound,
    audioEnergy: 0,
    freezes: 0,
    frozenMs: 0,
    delayMs: 40,
    height: 0,
    participant: 2,
    screen: false,
  };
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
    const sent = { mid: "1", kind: "video", rid: "h", framesSent: 1, packetsSent: 1, bytesSent: 1, height: 360 };
    const busy = { ...stats(), outbound: [{ ...sent, limitation: "cpu" }] };
    expect(reportOf(busy, busy, 2).own).toEqual({ grade: "fair", reason: "computer" });
  });

  it("does not charge somebody who has just come with what was before", () => {
    const report = reportOf(stats(of(1, 5_000, 900)), stats({ ...of(2, 6_000, 1_000), mid: "1" }), 2);
    expect(report.people.get(2)).toEqual({ grade: "good", reason: null });
  });
});

describe("a computer that does not keep up", () => {
  const rests: Load = { decoding: 0.1, dropped: 0, limited: false, lateMs: 0 };
  const burdened = (more: Partial<Load>) => ({ ...rests, ...more });
  const looks = (burden: Burden, count: number, load: Load) =>
    Array.from({ length: count }, () => burden.handleLook(load)).at(-1);

  it("is given smaller pictures, then fewer, and never none", () => {
    const burden = new Burden();
    const slow = burdened({ decoding: 0.9 });
    expect(burden.handleLook(slow)).toEqual(NO_RELIEF);
    const steps = Array.from({ length: 12 }, () => burden.handleLook(slow));
    const heights = steps.map(({ heightMax }) => heightMax);
    const pictures = steps.map(({ picturesMax }) => picturesMax);
    expect([...new Set(heights)]).toEqual([360, 180]);
    expect([...new Set(pictures)]).toEqual([null, 4, 2]);
  });

  it("is known by late pictures, a late page and a browser that says so, and not by a road that loses", () => {
    for (const load of [{ decoding: 0.8 }, { lateMs: 400 }, { limited: true }, { dropped: 0.5, decoding: 0.4 }])
      expect(looks(new Burden(), 2, burdened(load))?.heightMax).toBe(360);
    expect(looks(new Burden(), 20, burdened({ dropped: 0.5 }))).toEqual(NO_RELIEF);
  });

  it("is not spared for a moment's work", () => {
    const burden = new Burden();
    for (let round = 0; round < 10; round++) {
      burden.handleLook(burdened({ decoding: 2 }));
      expect(burden.handleLook(rests)).toEqual(NO_RELIEF);
    }
  });

  it("is tried with more again, and more rarely each time that this was too much", () => {
    const burden = new Burden();
    looks(burden, 2, burdened({ decoding: 0.9 }));
    const untilMore = () => {
      for (let count = 1; ; count++) if (burden.handleLook(rests).heightMax === null) return count;
    };
    const first = untilMore();
    looks(burden, 2, burdened({ decoding: 0.9 }));
    const second = untilMore();
    expect(second).toBe(2 * first);
  });
});

describe("sound that comes in bursts", () => {
  it("waits longer after a gap, less again the longer there was none, and within bounds", () => {
    const waiting = new Waiting();
    const first = waiting.ms;
    waiting.handleLook(0.05);
    const grown = waiting.ms;
    expect(grown).toBeGreaterThan(first);
    for (let look = 0; look < 10; look++) waiting.handleLook(0);
    expect(waiting.ms).toBeLessThan(grown);
    for (let look = 0; look < 1_000; look++) waiting.handleLook(0.5);
    expect(waiting.ms).toBeLessThanOrEqual(500);
    for (let look = 0; look < 1_000; look++) waiting.handleLook(0);
    expect(waiting.ms).toBeLessThanOrEqual(100);
    expect(waiting.ms).toBeGreaterThan(0);
  });
});

describe("how loud somebody is where no packet says it", () => {
  it("is taken from what was decoded since the last look", () => {
    const loudness = new Loudness();
    const look = (audioEnergy: number, soundSeconds: number) => {
      loudness.handleLook([{ mid: "3", audioEnergy, soundSeconds }]);
      return loudness.levelOf("3");
    };
    expect(look(5, 100)).toBe(0);
    expect(look(5.01, 101)).toBeCloseTo(0.1);
    expect(isLoud(look(5.02, 102))).toBe(true);
    expect(isLoud(look(5.02, 103))).toBe(false);
    expect(look(0.1, 1)).toBe(0);
    expect(loudness.levelOf("4")).toBe(0);
  });
});

describe("a stream that is not whose the service says", () => {
  const camera = (leaf: number) => ({ leaf, screen: false });

  it("is noticed when it goes on, and not while slots change", () => {
    const place = new Misplaced();
    expect(place.handleOpened(camera(2), 0)).toBe(false);
    place.expect(camera(3));
    expect(place.handleOpened(camera(2), 1_000)).toBe(false);
    expect(place.handleOpened(camera(2), 1_000 + MISPLACED_AFTER_MS - 1)).toBe(false);
    expect(place.handleOpened(camera(2), 1_000 + MISPLACED_AFTER_MS)).toBe(true);
    place.expect(camera(2));
    expect(place.handleOpened(camera(2), 90_000)).toBe(false);
    place.expect(camera(3));
    expect(place.handleOpened(camera(2), 90_001)).toBe(false);
    expect(place.handleOpened(camera(3), 99_000)).toBe(false);
    expect(place.handleOpened(camera(2), 120_000)).toBe(false);
  });

  it("is also a screen that is called a camera", () => {
    const place = new Misplaced();
    place.expect(camera(2));
    expect(place.handleOpened({ leaf: 2, screen: true }, 0)).toBe(false);
    expect(place.handleOpened({ leaf: 2, screen: true }, MISPLACED_AFTER_MS)).toBe(true);
    place.expect({ leaf: 2, screen: true });
    expect(place.handleOpened({ leaf: 2, screen: true }, 2 * MISPLACED_AFTER_MS)).toBe(false);
  });
});
