// Who takes part in a file's tests. At its end pages, browsers and programs are closed, however it went: what stays open keeps a
// failed test from ending.
import { after } from 'node:test';
import { stopAll } from './programs.mjs';

export function newCast() {
  const cast = { browsers: [], people: [] };
  after(async () => {
    cast.people.forEach((someone) => someone.person.close());
    await Promise.all(cast.browsers.map((browser) => browser.close()));
    await stopAll();
  });
  return cast;
}
