import { expect, it, vi } from "vitest";
import type { MediaEvent } from "../../src/contract";
import { MediaEngine } from "../../src/media/engine";

it("opens the microphone of nobody who was not asked for an offer, whatever is told of a call", async () => {
  const getUserMedia = vi.fn();
  vi.stubGlobal("navigator", { mediaDevices: { getUserMedia } });
  const commands = vi.fn();
  const engine = new MediaEngine(commands);
  const told: MediaEvent[] = [
    { kind: "keys", call: "left", epoch: 2, baseKey: "AAECAwQFBgcICQoLDA0ODw", leaf: 1 },
    { kind: "slots", call: "left", slots: [] },
    { kind: "answer", call: "left", sdp: "v=0" },
    { kind: "stop", call: "left", reason: "left" },
  ];
  for (const event of told) await engine.handleEvent(event);
  expect(engine.snapshot()).toBeNull();
  expect(engine.captured()).toBeNull();
  expect(getUserMedia).not.toHaveBeenCalled();
  expect(commands).not.toHaveBeenCalled();
});
