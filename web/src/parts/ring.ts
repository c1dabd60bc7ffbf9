// The ringing tone: two soft notes, every three seconds. Without permission to play sound, or where the person turned it off,
// it stays silent.

import { choices } from "../media/choices";

const NOTES = [
  { frequency: 587.33, at: 0 },
  { frequency: 783.99, at: 0.22 },
];
const EVERY_MS = 3_000;

/** Rings until the returned function is called. */
export function ring(): () => void {
  if (typeof AudioContext === "undefined" || !choices().ringtone) return () => undefined;
  const context = new AudioContext();
  const play = () => {
    for (const note of NOTES) sound(context, note.frequency, context.currentTime + note.at);
  };
  play();
  const timer = setInterval(play, EVERY_MS);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

function sound(context: AudioContext, frequency: number, at: number): void {
  const tone = new OscillatorNode(context, { frequency, type: "sine" });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.12, at + 0.03);
  volume.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
  tone.connect(volume).connect(context.destination);
  tone.start(at);
  tone.stop(at + 0.65);
}
