// Noise is taken out of the own voice before it leaves: what goes out to a call is measured, with a microphone that plays white noise or
// something like a voice. Where it cannot be done the voice goes out as it is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium, firefox } from './harness/browsers.mjs';
import { newCast } from './harness/cast.mjs';
import { startService } from './harness/house.mjs';

/** Decibels. */
const NOISE_FALLS_MIN = 25;
const VOICE_FALLS_MAX = 10;
const ROUNDS = 6;

const { browsers, acquainted } = newCast();

for (const launch of [chromium, firefox]) {
  test(`noise does not leave ${launch.name}, and a voice does`, async (context) => {
    const service = await startService();
    const [ada, ben] = await acquainted(service, 'Ada', 'Ben');
    const browser = await launch();
    browsers.push(browser);
    await ada.opensIn(browser);
    const { screen } = ada;
    await screen.evaluate(replaceMicrophone);
    const call = await ada.callsAnd('Ben', []);
    await screen.until('to send', () => Boolean(sending()));

    // Firefox begins no audio thread where the machine has no sound device.
    if (!(await screen.evaluate(audioBegins))) {
      context.diagnostic('no sound device: it is only tried that the voice goes out as it is, and that this is said');
      await choosesStrong(screen);
      await screen.sees('It could not begin in this browser');
      return assert.equal(await screen.evaluate(() => sending()?.readyState), 'live');
    }
    const heard = (what) => screen.evaluate(level, what);
    const before = { noise: await heard('noise'), voice: await heard('voice') };
    const raw = await screen.evaluate(() => sending().id);
    await choosesStrong(screen);
    await screen.until('another track', (raw) => sending() && sending().id !== raw, raw);
    const falls = { voice: before.voice - (await heard('voice')), noise: 0 };
    // It listens for some seconds before it knows what is noise here.
    for (let round = 0; round < ROUNDS && falls.noise <= NOISE_FALLS_MIN; round += 1) falls.noise = before.noise - (await heard('noise'));
    context.diagnostic(`white noise falls by ${falls.noise.toFixed(1)} dB, the voice by ${falls.voice.toFixed(1)} dB`);
    assert.ok(falls.noise > NOISE_FALLS_MIN, `white noise falls by ${falls.noise} dB`);
    assert.ok(falls.voice < VOICE_FALLS_MAX, `the voice falls by ${falls.voice} dB`);

    await ada.person.command('mute', { call, muted: true });
    await screen.until('silence', () => !sending().enabled);
    assert.ok((await heard('voice')) < -90, 'nothing leaves a microphone that is off');
  });
}

async function choosesStrong(screen) {
  await screen.click('button', 'More');
  await screen.click('button', 'Sound and picture');
  await screen.click('checkbox', 'Suppress noise strongly');
}

/** Runs in a page. */
function audioBegins() {
  const late = new Promise((resolve) => setTimeout(() => resolve(false), 3_000));
  return Promise.race([new AudioContext().resume().then(() => true), late]);
}

/** Runs in a page: its microphone plays what `playing` names, at about the same loudness. */
function replaceMicrophone() {
  const context = new AudioContext({ sampleRate: 48_000 });
  const gains = { noise: new GainNode(context, { gain: 0 }), voice: new GainNode(context, { gain: 0 }) };
  const samples = new AudioBuffer({ length: 96_000, sampleRate: 48_000 });
  const random = samples.getChannelData(0);
  for (let at = 0; at < random.length; at += 1) random[at] = (Math.random() * 2 - 1) * 0.1;
  const noise = new AudioBufferSourceNode(context, { buffer: samples, loop: true });
  noise.connect(gains.noise);
  noise.start();
  // Something that hums at a voice's pitch, through a throat's three formants, in syllables.
  const cords = new OscillatorNode(context, { type: 'sawtooth', frequency: 125 });
  const vibrato = new OscillatorNode(context, { frequency: 5 });
  vibrato.connect(new GainNode(context, { gain: 6 })).connect(cords.frequency);
  const syllables = new GainNode(context, { gain: 0.5 });
  const rhythm = new OscillatorNode(context, { frequency: 3.5 });
  rhythm.connect(new GainNode(context, { gain: 0.5 })).connect(syllables.gain);
  for (const [frequency, gain] of [[650, 1], [1_150, 0.6], [2_500, 0.25]]) {
    cords.connect(new BiquadFilterNode(context, { type: 'bandpass', frequency, Q: 6 })).connect(new GainNode(context, { gain })).connect(syllables);
  }
  syllables.connect(gains.voice);
  for (const each of [cords, vibrato, rhythm]) each.start();
  const output = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  for (const gain of Object.values(gains)) gain.connect(output);
  window.play = (what) => {
    for (const [name, { gain }] of Object.entries(gains)) gain.value = name === what ? 1 : 0;
  };
  window.sending = () => window.witnessed.peer?.getSenders().find((sender) => sender.track?.kind === 'audio')?.track ?? null;
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = wanted.video ? await ask({ video: wanted.video }) : new MediaStream();
    if (wanted.audio) stream.addTrack(output.stream.getAudioTracks()[0].clone());
    return stream;
  };
}

/** Runs in a page: how loud that goes out, in dB of full scale, over two seconds after one for getting used to it. */
async function level(what) {
  window.play(what);
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.resume();
  const meter = new AnalyserNode(context, { fftSize: 32_768 });
  context.createMediaStreamSource(new MediaStream([window.sending()])).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  const powers = [];
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 680));
    meter.getFloatTimeDomainData(samples);
    if (round >= 2) powers.push(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  }
  await context.close();
  return 10 * Math.log10(powers.reduce((sum, power) => sum + power, 0) / powers.length + 1e-12);
}
