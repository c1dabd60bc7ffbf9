// Signal's people through a volunteer's proxy: Signal's own network library, as its apps have it, with the proxy set in it.
//
// The library trusts the system's authorities for the proxy, and only Signal's own for Signal. So who stands in for Signal here gets
// the library's first message, and is refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createSecureContext, createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';

import { startService } from '../harness/house.mjs';
import { Program, stopAll, temporaryFolder } from '../harness/programs.mjs';

const SYSTEMS_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';
const APP = fileURLToPath(new URL('app.mjs', import.meta.url));

after(stopAll);

for (const [library, host] of [
  ['libsignal-newest', 'grpc.chat.signal.org'],
  ['libsignal-before-grpc', 'chat.signal.org'],
]) {
  test(`${library} reaches ${host} through the proxy`, { timeout: 60_000 }, async () => {
    const folder = temporaryFolder('signal');
    const certificate = certificateFor('localhost', folder);
    const signal = await standIn(certificate);
    const service = await startService();
    const proxy = await Program.start('proxy', 'umweg-proxy', [
      ...['run', '--service', service.ready.link, '--host', 'localhost', '--listen', '127.0.0.1', '--data', join(folder, 'data')],
      ...['--tls-port', '0', '--plain-port', 'off', '--cert', certificate.chain, '--key', certificate.key],
      ...['--signal', '--connect-to', `${host}:443:127.0.0.1:${signal.port}`],
    ]);
    const [, shared] = await proxy.line(/^signal link=https:\/\/signal\.tube\/#(\S+)$/);

    const app = await Program.start('app', process.execPath, [APP, library, ...shared.split(':')], { within: trusting(certificate, folder) });

    assert.equal(await Promise.race([signal.asked, app.ended.then(() => `nobody\n${app.log}`)]), host);
    assert.match(await signal.refused, /unknown ca|certificate unknown|bad certificate/i, 'only Signal can be Signal');
    await app.line(/^refused/);
    await Promise.all([app.stop(), proxy.stop(), service.stop()]);
    signal.close();
  });
}

/** In Signal's place: the first name that it is asked for, and why who asked then went. */
async function standIn({ chain, key }) {
  let ask;
  const asked = new Promise((resolve) => (ask = resolve));
  const pair = { cert: readFileSync(chain), key: readFileSync(key) };
  const SNICallback = (name, answer) => (ask(name), answer(null, createSecureContext(pair)));
  const server = createServer({ ...pair, SNICallback, ALPNProtocols: ['h2', 'http/1.1'] });
  const refused = once(server, 'tlsClientError').then(([error]) => error.message);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { asked, refused, port: server.address().port, close: () => server.close() };
}

/** What stands before a command that sees this authority among the system's, and no other command does. */
function trusting({ authority }, folder) {
  const authorities = join(folder, 'authorities.pem');
  writeFileSync(authorities, readFileSync(SYSTEMS_AUTHORITIES, 'utf8') + readFileSync(authority, 'utf8'));
  const unshare = ['unshare', '--mount', ...(process.getuid() === 0 ? [] : ['--map-root-user'])];
  return [...unshare, 'sh', '-c', `mount --bind "$0" ${SYSTEMS_AUTHORITIES} && exec "$@"`, authorities];
}

/** A certificate by an authority that is made for it: PEM files. */
function certificateFor(name, folder) {
  const file = (name) => join(folder, name);
  const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Test authority', '-days', '2',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign');
  openssl('req', '-x509', ...key, '-keyout', file('key.pem'), '-out', file('cert.pem'), '-subj', `/CN=${name}`, '-days', '2',
    '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', `subjectAltName=DNS:${name}`,
    '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth');
  return { authority: file('ca.pem'), chain: file('cert.pem'), key: file('key.pem') };
}
