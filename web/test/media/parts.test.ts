// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { PresentRow } from "../../src/contract";
import { acquire } from "../../src/media/devices";
import { firstCounter } from "../../src/media/frame-worker";
import { Gap, REQUEST_GAP_MS } from "../../src/media/sframe/gap";
import { REORDER_MAX, ReplayWindow } from "../../src/media/sframe/replay";
import { pictureOf } from "../../src/media/slots";
import { Wish } from "../../src/media/wish";
import { gridOf, pictureHeight } from "../../src/screens/grid";

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
  };
  const slot = { mid: "4", kind: "video" as const, stream };
  const slots = [
    { mid: "1", participant: 7 },
    { mid: "4", participant: 7 },
  ];

  it("is shown where the SFU and the frames' key id name the same person", () => {
    expect(pictureOf(person, [{ ...slot, leaf: 2 }], slots)).toBe(stream);
  });

  it("is not taken from the same person's sound", () => {
    const sound = { mid: "1", kind: "audio" as const, leaf: 2, stream: {} as MediaStream };
    expect(pictureOf(person, [sound, { ...slot, leaf: 2 }], slots)).toBe(stream);
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
