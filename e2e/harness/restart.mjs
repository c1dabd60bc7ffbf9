// The service, which is also what passes on calls, is killed outright in the middle of a call of three, and started again.
import assert from 'node:assert/strict';
import { setTimeout as pass } from 'node:timers/promises';
import { chromium } from './browsers.mjs';
import { startService } from './house.mjs';
import { freePorts } from './ports.mjs';
import { temporaryFolder } from './programs.mjs';
import { Resident } from './resident.mjs';

/**
 * Does it so many times, after so long a time each. A road that dies young waits before it is dialed again; `pauseMs` lets it become
 * old. Answers with the milliseconds after which all see and hear all again: since the start, and since the
 * kill.
 */
export async function restarts(kills, { within, pauseMs = 0 }) {
  const data = temporaryFolder('service');
  const [tls, plain, bare, relay, udp] = await freePorts(5);
  const start = () => startService({ data, ports: { tls, plain, bare, relay, udp } });
  let service = await start();
  const people = [];
  for (const name of ['Ada', 'Ben', 'Cem']) people.push(await Resident.comes(name, null, service.ready.link));
  const [ada, ben, cem] = people;
  // One browser for all: three would take the cores from what is measured.
  const browser = await chromium();
  for (const someone of people) await someone.opensIn(browser);
  for (const other of [ben, cem]) await other.person.meets(ada.person);
  await ben.person.meets(cem.person);
  await ada.founds('All', [ben, cem]);
  const call = await ada.callsAnd('All', [ben, cem]);
  await Promise.all(people.map((someone) => someone.seesAndHears(2)));

  const [sinceStart, sinceKill] = [[], []];
  for (let kill = 0; kill < kills; kill += 1) {
    await pass(pauseMs);
    const killed = performance.now();
    await service.kill();
    service = await start();
    const started = performance.now();
    await Promise.all(people.map((someone) => someone.seesAndHears(2, within)));
    sinceStart.push(performance.now() - started);
    sinceKill.push(performance.now() - killed);
    for (const someone of people) {
      const view = await someone.isIn(call);
      assert.equal(view.present.length, 3, `${someone.name} sees three seats, and no ghost`);
    }
    assert.equal(people.flatMap((someone) => someone.person.view.calls).filter((row) => row.id !== call).length, 0, 'there is no other call');
  }
  people.forEach((someone) => someone.person.close());
  await browser.close();
  return { sinceStart, sinceKill };
}

/** A median, and what it is of. */
export function told(times) {
  const sorted = times.map(Math.round).sort((one, other) => one - other);
  return sorted.length === 1 ? `${sorted[0]} ms` : `${sorted[Math.floor(sorted.length / 2)]} ms (median of ${sorted.join(', ')})`;
}
