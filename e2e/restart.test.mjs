// The service, which is also what passes on calls, is killed outright in the middle of a call and started again: everybody is back in
// the same call, without a click.
import { after, test } from 'node:test';
import { stopAll } from './harness/programs.mjs';
import { restarts, told } from './harness/restart.mjs';

/** Generous: the machine of a test may be busy. What it takes is printed; UMWEG_RESTARTS=9 for a median. */
const BACK_WITHIN_MS = 15_000;
const RESTARTS = Number(process.env.UMWEG_RESTARTS ?? 1);

after(stopAll);

test('a service that was killed and started again finds three people back in the same call, without a click', async () => {
  const { sinceStart, sinceKill } = await restarts(RESTARTS, { within: BACK_WITHIN_MS });
  console.log(`back in the call ${told(sinceStart)} after the service was there again, ${told(sinceKill)} after it was killed`);
});
