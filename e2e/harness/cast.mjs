// Who takes part in a file's tests. At its end pages, browsers and programs are closed, however it went: what stays open keeps a
// failed test from ending.
import { after } from 'node:test';
import { stopAll } from './programs.mjs';
import { Resident } from './resident.mjs';

export function newCast() {
  const cast = { browsers: [], people: [], acquainted: (...who) => acquainted(cast, ...who) };
  after(async () => {
    cast.people.forEach((someone) => someone.person.close());
    await Promise.all(cast.browsers.map((browser) => browser.close()));
    await stopAll();
  });
  return cast;
}

/** People of these names come; all others know the first. */
async function acquainted(cast, service, ...names) {
  const come = await Promise.all(names.map((name) => Resident.comes(name, null, service.ready.link)));
  cast.people.push(...come);
  const [first, ...others] = come;
  for (const other of others) await other.person.meets(first.person);
  return come;
}
