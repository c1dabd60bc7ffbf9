// A service, proxies and people's apps, as `./x demo` and the tests start them.
import { Program, temporaryFolder } from './programs.mjs';
import { portsOfService, serviceWith } from './links.mjs';

/** Nobody listens there (RFC 863): whoever dials it is refused, as by a censor who answers with resets. */
const DEAD_PORT = 9;

/** Which app is tried: another build than the usual one, by its path. */
export const APP = process.env.UMWEG_APP ?? 'umweg';

/** `ports` fixes what is otherwise chosen by the system: { tls, plain, bare, relay, udp }. `options`: the operator's. `place`: see places.mjs. */
export function startService({ data = temporaryFolder('service'), ports = {}, options = [], place } = {}) {
  const fixed = ['tls', 'plain', 'bare', 'relay', 'udp'].filter((name) => name in ports);
  const at = place ? ['--host', place.addresses[0], '--listen', place.addresses[0]] : [];
  const args = ['run', '--dev', '--data', data, ...at, ...fixed.flatMap((name) => [`--${name}-port`, String(ports[name])]), ...options];
  return Program.start('service', 'umweg-server', args, { within: place?.within });
}

export function startProxy(name, serviceLink, { data = temporaryFolder('proxy'), ports = {}, place, address = '127.0.0.1' } = {}) {
  const port = (form) => [`--${form}-port`, String(ports[form] ?? 0)];
  const at = ['--host', address, '--listen', address, ...port('tls'), ...port('plain'), ...port('bare')];
  return Program.start(`proxy ${name}`, 'umweg-proxy', ['run', '--service', serviceLink, '--name', name, '--data', data, ...at], { within: place?.within });
}

/** Its key stays in its folder: nothing of a test or the demo belongs in the key ring of who runs it. */
export function startApp(name, serviceLink, { data = temporaryFolder('app'), port, proxies = [], noDirect = false, place, app = APP, env } = {}) {
  const args = ['--data', data, '--key-from', 'file', '--service', serviceLink, '--no-browser', ...proxies.flatMap((link) => ['--proxy', link])];
  if (port) args.push('--port', String(port));
  if (noDirect) args.push('--no-direct');
  return Program.start(`app of ${name}`, app, args, { env, within: place?.within });
}

/** The service as somebody has it whose network blocks it: every door but the proxies' is shut. */
export function blocked(serviceLink) {
  const open = Object.entries(portsOfService(serviceLink)).filter(([name, port]) => port !== 0 && name !== 'relay');
  return serviceWith(serviceLink, Object.fromEntries(open.map(([name]) => [name, DEAD_PORT])));
}
