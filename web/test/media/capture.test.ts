import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Blurred } from "../../src/media/blur/blur";
import { Capture, type CaptureSnapshot } from "../../src/media/capture";
import { setChoices } from "../../src/media/choices";

/** What blurs begins or fails when a test says so; how it blurs is measured in the browsers. */
const begun = vi.hoisted(() => [] as Begun[]);
type Begun = { begins(): Blurred; cannot(): void; fails(): void };
vi.mock("../../src/media/blur/blur", () => ({
  blur: (_camera: MediaStreamTrack, fails: () => void) =>
    new Promise<Blurred>((resolve, reject) => {
      const begins = () => {
        const blurred = { track: new FakeTrack() as unknown as MediaStreamTrack, end: vi.fn() };
        resolve(blurred);
        return blurred;
      };
      begun.push({ begins, cannot: () => reject(new Error("no network")), fails });
    }),
}));

class FakeTrack {
  stopped = false;
  onended: (() => void) | null = null;
  stop() {
    this.stopped = true;
  }
  getSettings() {
    return {};
  }
}

let cameras: FakeTrack[];
let seen: CaptureSnapshot[];
let capture: Capture;
const now = () => capture.snapshot;
const isPlain = ({ camera }: CaptureSnapshot) => cameras.includes(camera as unknown as FakeTrack);
const turns = () => vi.waitFor(() => expect(now().waiting).toBe(false));
const blurStarts = (count: number) => vi.waitFor(() => expect(begun).toHaveLength(count));

beforeEach(() => {
  vi.stubGlobal(
    "MediaStream",
    class {
      readonly tracks: FakeTrack[];
      constructor(tracks: FakeTrack[]) {
        this.tracks = tracks;
      }
      getTracks() {
        return this.tracks;
      }
    },
  );
  const getUserMedia = async () => {
    cameras.push(new FakeTrack());
    return new MediaStream([cameras.at(-1) as unknown as MediaStreamTrack]);
  };
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia, enumerateDevices: async () => [] } });
  [cameras, seen] = [[], []];
  begun.length = 0;
  setChoices({ blur: false });
  capture = new Capture(
    (snapshot) => seen.push(snapshot),
    () => undefined,
  );
  return () => capture.end();
});

describe("a camera whose background is to be blurred", () => {
  it("is not shown before it is", async () => {
    setChoices({ blur: true });
    const wanted = capture.want({ camera: true });
    await blurStarts(1);
    expect(now()).toMatchObject({ camera: null, picture: null, blurStarts: true });
    const blurred = begun[0]?.begins();
    await wanted;
    expect(now()).toMatchObject({ camera: blurred?.track, cameraTrouble: null, blurStarts: false });
    expect(seen.some(isPlain)).toBe(false);
  });

  it("is not shown as it is from the moment that this is chosen, and is again when it is not", async () => {
    await capture.want({ camera: true });
    expect(isPlain(now())).toBe(true);
    setChoices({ blur: true });
    expect(now()).toMatchObject({ camera: null, picture: null });
    await blurStarts(1);
    const blurred = begun[0]?.begins();
    await vi.waitFor(() => expect(now().camera).toBe(blurred?.track));
    setChoices({ blur: false });
    await vi.waitFor(() => expect(isPlain(now())).toBe(true));
    expect(blurred?.end).toHaveBeenCalledOnce();
    expect(cameras).toHaveLength(1);
    expect(cameras[0]?.stopped).toBe(false);
  });

  it("is off where that cannot be done, and comes when it is wished as it is", async () => {
    setChoices({ blur: true });
    const wanted = capture.want({ camera: true });
    await blurStarts(1);
    begun[0]?.cannot();
    await wanted;
    expect(now()).toMatchObject({ camera: null, picture: null, cameraTrouble: "unblurred" });
    expect(cameras[0]?.stopped).toBe(true);
    expect(seen.some(isPlain)).toBe(false);
    setChoices({ blur: false });
    await vi.waitFor(() => expect(isPlain(now())).toBe(true));
    expect(now().cameraTrouble).toBeNull();
  });

  it("goes off when it fails, and comes blurred when it is asked for again", async () => {
    setChoices({ blur: true });
    void capture.want({ camera: true });
    await blurStarts(1);
    begun[0]?.begins();
    await vi.waitFor(() => expect(now().camera).not.toBeNull());
    begun[0]?.fails();
    expect(now()).toMatchObject({ camera: null, picture: null, cameraTrouble: "unblurred" });
    expect(cameras[0]?.stopped).toBe(true);
    capture.forgive("camera");
    void capture.want({ camera: true });
    await blurStarts(2);
    const again = begun[1]?.begins();
    await vi.waitFor(() => expect(now().camera).toBe(again?.track));
    expect(seen.some(isPlain)).toBe(false);
  });

  it("leaves nothing behind when another wish comes while it is prepared", async () => {
    setChoices({ blur: true });
    void capture.want({ camera: true });
    await blurStarts(1);
    setChoices({ blur: false });
    const unwanted = begun[0]?.begins();
    await vi.waitFor(() => expect(isPlain(now())).toBe(true));
    expect(unwanted?.end).toHaveBeenCalledOnce();

    setChoices({ blur: true });
    await blurStarts(2);
    void capture.want({ camera: false });
    const late = begun[1]?.begins();
    await vi.waitFor(() => expect(late?.end).toHaveBeenCalledOnce());
    await turns();
    expect(now().camera).toBeNull();
    expect(cameras.every((camera) => camera.stopped)).toBe(true);
  });

  it("is not shown as it is either when another one is chosen", async () => {
    setChoices({ blur: true, camera: null });
    void capture.want({ camera: true });
    await blurStarts(1);
    const first = begun[0]?.begins();
    await vi.waitFor(() => expect(now().camera).toBe(first?.track));
    setChoices({ camera: "another" });
    await blurStarts(2);
    expect(now().camera).toBe(first?.track);
    const second = begun[1]?.begins();
    await vi.waitFor(() => expect(now().camera).toBe(second?.track));
    expect(first?.end).toHaveBeenCalledOnce();
    expect(cameras.map((camera) => camera.stopped)).toEqual([true, false]);
    expect(seen.some(isPlain)).toBe(false);
  });

  it("is ended with everything else", async () => {
    setChoices({ blur: true });
    void capture.want({ camera: true });
    await blurStarts(1);
    const blurred = begun[0]?.begins();
    await vi.waitFor(() => expect(now().camera).toBe(blurred?.track));
    capture.end();
    expect(blurred?.end).toHaveBeenCalledOnce();
    expect(cameras[0]?.stopped).toBe(true);
  });
});
