// ./x bench calls: how a call is heard and seen over bad links. Writes docs/benchmarks-calls.md.
//
// The service, the proxies and a person with app and browser are at one place; another person with app and browser is at the other;
// all that is between them is the link. It needs root. UMWEG_SECONDS: how long each case is measured (25); UMWEG_CASES: only those
// whose names match; the rows of the others stay in the table as they are.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { setTimeout as pass } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from './harness/browsers.mjs';
import { startProxy, startService } from './harness/house.mjs';
import { makePlaces } from './harness/places.mjs';
import { stopAll } from './harness/programs.mjs';
import { keepPeers, measure } from './harness/quality.mjs';
import { Resident } from './harness/resident.mjs';
import { restarts, told } from './harness/restart.mjs';
import * as pictures from './pictures-cost.mjs';

const SECONDS = Number(process.env.UMWEG_SECONDS ?? 25);
const WANTED = new RegExp(process.env.UMWEG_CASES ?? '');
const TABLE = fileURLToPath(new URL('../docs/benchmarks-calls.md', import.meta.url));
/** After a change of link or road, before counting. */
const SETTLE_MS = 8_000;

const RESTART = 'service killed';
const RESTARTS = 5;

const GOOD = { delay: 40, loss: 0, rate: 0, queue: 200, udp: 'on' };
const ONE = ['North'];
const BOTH = ['North', 'South'];
/** `proxies` empty: straight. The order is from good to bad on each road; between two cases the link is good for a moment. */
const CASES = [
  { name: 'clean', link: {}, proxies: [] },
  { name: '1 % loss', link: { loss: 1 }, proxies: [] },
  { name: '3 % loss', link: { loss: 3 }, proxies: [] },
  { name: '8 % loss', link: { loss: 8 }, proxies: [] },
  { name: '1 Mbit/s', link: { rate: 1000 }, proxies: [] },
  { name: '450 kbit/s', link: { rate: 450 }, proxies: [] },
  { name: 'UDP dropped in mid-call', link: { udp: 'off' }, proxies: [], settleMs: 0 },
  { name: 'UDP dropped', link: { udp: 'off' }, proxies: [] },
  { name: 'UDP dropped, 3 % loss', link: { udp: 'off', loss: 3 }, proxies: [] },
  { name: 'one proxy', link: {}, proxies: ONE },
  { name: 'one proxy, 3 % loss', link: { loss: 3 }, proxies: ONE },
  { name: 'one proxy, 8 % loss', link: { loss: 8 }, proxies: ONE },
  { name: 'one proxy, 1 Mbit/s', link: { rate: 1000 }, proxies: ONE },
  { name: 'one proxy, 450 kbit/s', link: { rate: 450 }, proxies: ONE },
  { name: 'two proxies', link: {}, proxies: BOTH },
  { name: 'two proxies, 3 % loss', link: { loss: 3 }, proxies: BOTH },
  { name: 'proxy killed in mid-call', link: {}, proxies: BOTH, kills: true, settleMs: 0 },
];

const HEAD = ['link', 'audio lost', 'made up', 'buffer', 'picture', 'frames/s', 'freezes', 'frozen', 'round trip', 'longest pause: audio', 'video', 'load', 'measured'];
const version = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim().split('\n')[0];
const MEASURED = `${new Date().toISOString().slice(0, 10)}, ${version('git', 'rev-parse', '--short', 'HEAD')}`;
/** Rows of before, by table and name. */
const kept = rowsOf(existsSync(TABLE) ? readFileSync(TABLE, 'utf8') : '');
try {
  await run();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await stopAll();
  process.exit();
}

async function run() {
  if (CASES.some((each) => WANTED.test(each.name))) await overBadLinks();
  if (pictures.NAMES.some((name) => WANTED.test(name))) await pictures.pictureCosts(SECONDS, (name, row) => note('computer', name, row));
  await stopAll();
  if (WANTED.test(RESTART)) {
    const { sinceStart, sinceKill } = await restarts(RESTARTS, { within: 30_000, pauseMs: 21_000 });
    note('programs', 'back after the service is there again', told(sinceStart));
    note('programs', 'back after the service was killed', told(sinceKill));
  }
}

async function overBadLinks() {
  const places = await makePlaces(GOOD);
  const service = await startService({ place: places.near });
  const proxies = new Map();
  for (const [at, name] of BOTH.entries()) {
    proxies.set(name, await startProxy(name, service.ready.link, { place: places.near, address: places.near.addresses[at + 1] }));
  }
  const [ada, cem] = await Promise.all([
    Resident.comes('Ada', places.near, service.ready.link),
    Resident.comes('Cem', places.far, service.ready.link),
  ]);
  const browsers = await Promise.all([ada, cem].map((one) => one.opens(chromium, { before: keepPeers })));
  await cem.person.meets(ada.person);
  const call = await ada.callsAnd('Cem', [cem]);
  await Promise.all([ada, cem].map((one) => one.seesAndHears(1)));

  for (const each of CASES.filter((each) => WANTED.test(each.name))) {
    await places.change(GOOD);
    await goBy(cem, each.proxies, proxies);
    await Promise.all([ada, cem].map((one) => one.seesAndHears(1)));
    await pass(3_000);
    await places.change({ ...GOOD, ...each.link });
    if (each.kills) await proxies.get(cem.person.view.road.name).kill();
    await pass(each.settleMs ?? SETTLE_MS);
    const [atCem, atAda] = await Promise.all([cem, ada].map((one) => measure(one.screen, SECONDS * 1000)));
    if (each.name === 'one proxy') note('programs', 'congestion control', controls(places));
    note('Cem', each.name, cells(atCem));
    note('Ada', each.name, cells(atAda));
  }
  await ada.person.command('leaveCall', { call });
  await Promise.all(browsers.map((browser) => browser.close()));
  [ada, cem].forEach((one) => one.person.close());
  await stopAll();
  await places.close();
}

/** Into the table, and out to who waits. */
function note(table, name, told) {
  const row = [name, ...[told].flat(), loadavg()[0].toFixed(1), MEASURED].map(String);
  kept.set(`${table}: ${name}`, row);
  console.log(`${table}: ${row.join(' · ')}`);
  writeFileSync(TABLE, report());
}

/** Makes exactly these proxies the person's roads; none: straight. */
async function goBy(someone, names, proxies) {
  const { person } = someone;
  const link = (name) => proxies.get(name).ready.link;
  const known = new Set(someone.proxies);
  for (const name of names) if (!known.has(name)) await person.command('addProxy', { link: link(name) });
  for (const name of known) if (!names.includes(name)) await person.command('removeProxy', { link: link(name) });
  someone.proxies = names;
  await person.command('useProxies', { when: names.length > 0 ? 'always' : 'whenBlocked' });
  const kind = names.length > 0 ? 'proxy' : 'direct';
  // To one name few connections are made in a minute: that can be a wait.
  await person.sees(`the road: ${kind}`, (view) => view.road.kind === kind, 90_000);
}

/** Which congestion control each of our programs sends with. */
function controls(places) {
  const found = {};
  for (const place of [places.near, places.far]) {
    for (const connection of place.connections()) {
      const program = /users:\(\("([^"]+)"/.exec(connection)?.[1];
      const control = /\b(bbr|cubic|reno)\b/.exec(connection)?.[1];
      if (program?.startsWith('umweg') && control && !/127\.0\.0\.1/.test(connection)) ((found[program] ??= {})[control] ??= []).push(connection);
    }
  }
  return Object.entries(found).map(([program, by]) => `${program}: ${Object.entries(by).map(([control, list]) => `${list.length} with ${control}`).join(', ')}`).join('; ');
}

function report() {
  return `# How calls bear bad links

Written by \`./x bench calls\`; do not edit. Two people in one call, each with an app and a Chromium with its test picture and tone; Ada is at
the service's place, Cem at the other end of a link with ${GOOD.delay} ms one way (${2 * GOOD.delay} ms there and back). Loss is at random in both directions,
seeded; a rate holds for each direction, with a queue of ${GOOD.queue} ms. Each case is counted for ${SECONDS} s in the same call: road and link change
under it. The figures are WebRTC's own.

${version('chromium', '--version')}, Linux ${release()}, ${cpus().length} cores. The noise is in the column "load", the machine's load average: two
browsers, which code video in software, share the cores with all programs and with whatever else the machine does.

"Lost" is audio packets that never came, "made up" is the part of the sound that had to be concealed because packets were lost or late, "buffer" is
how long sound waits to be even. "Longest pause" is the longest time in which nothing new came: where something is cut in mid-call, it is the time to
recover (looked at every 100 ms).

## What Cem hears and sees (from Ada, over the link)

${tableOf('Cem', HEAD, CASES.map((each) => each.name))}

## What Ada hears and sees (from Cem, over the link)

${tableOf('Ada', HEAD, CASES.map((each) => each.name))}

## What pictures cost the page

${pictures.OTHERS + 1} people in one call, without a bad link; what is measured is the Chromium of one of them with all its processes, on one core, by the kernel's
account. The others send ${pictures.CAMERA.width}×${pictures.CAMERA.height}, ${pictures.CAMERA.perSecond} a second, in three layers, and show no pictures. All browsers share two cores, which are
at their limit with it: so the senders make their smallest pictures only, and "lines" says how small those are. "Starved": ${pictures.BUSY} programs that never rest run on the page's core beside it. "Spared" is what the page does by itself where it does not keep up.

${tableOf('computer', [...pictures.HEAD, 'load', 'measured'], pictures.NAMES)}

## The programs

"Back": three people in one call on loopback, without a bad link; the service is killed outright and started again; all see and hear all again, in
the same call and without a click. Congestion control is what \`ss -ti\` says of every program's connections while Cem goes by a proxy.

${tableOf('programs', ['what', 'figure', 'load', 'measured'], ['congestion control', 'back after the service is there again', 'back after the service was killed'])}
`;
}

function tableOf(table, head, names) {
  const rows = names.map((name) => kept.get(`${table}: ${name}`)).filter(Boolean);
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** What an earlier run wrote. */
function rowsOf(text) {
  const rows = new Map();
  let table = '';
  for (const line of text.split('\n')) {
    table = /^## What (\w+) hears/.exec(line)?.[1] ?? { '## What pictures cost the page': 'computer', '## The programs': 'programs' }[line] ?? table;
    const cells = line.startsWith('| ') ? line.slice(2, -2).split(' | ') : [];
    if (cells.length > 1 && !['link', 'pictures', 'what', '---'].includes(cells[0])) rows.set(`${table}: ${cells[0]}`, cells);
  }
  return rows;
}

function cells({ audio, video, rttMs, pause }) {
  const percent = (part) => (part === null ? '–' : `${(100 * part).toFixed(1)} %`);
  const ms = (value) => (value === null ? '–' : `${Math.round(value)} ms`);
  const picture = video.height ? `${video.height}p` : 'none';
  return [percent(audio.lost), percent(audio.concealed), ms(audio.bufferMs), picture, video.perSecond.toFixed(0), video.freezes, `${video.frozenSeconds.toFixed(1)} s`, ms(rttMs), ms(pause.audio), ms(pause.video)];
}
