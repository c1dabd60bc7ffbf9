// ./x demo: a service, two proxies and three people on this machine. Everything lies in ./demo and is there again the next time.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { blocked, startApp, startProxy, startService } from './harness/house.mjs';
import { Person } from './harness/person.mjs';
import { freePorts } from './harness/ports.mjs';
import { firstToEnd, stopAll } from './harness/programs.mjs';

const FOLDER = fileURLToPath(new URL('../demo', import.meta.url));
const FORMS = ['tls', 'plain', 'bare'];
const options = new Set(process.argv.slice(2));

if (options.has('--fresh')) rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const folder = (name) => {
  mkdirSync(`${FOLDER}/${name}`, { recursive: true });
  return `${FOLDER}/${name}`;
};

try {
  await demo();
} catch (error) {
  console.error(`\nThe demo failed: ${error.message}\n./x demo --fresh begins from nothing.`);
  await stopAll();
  process.exit(1);
}

async function demo() {
  const ports = await keptPorts();
  say('the service');
  const service = await startService({ data: folder('service'), ports: ports.service });
  const link = service.ready.link;

  say('two proxies, North and South');
  const proxies = await Promise.all(['North', 'South'].map((name) => startProxy(name, link, { data: folder(name), ports: ports[name] })));

  say('three apps: Ada, Ben and Cem');
  const proxyLinks = proxies.map((proxy) => proxy.ready.link);
  const apps = await Promise.all([
    startApp('Ada', link, { data: folder('Ada'), port: ports.Ada.page }),
    startApp('Ben', link, { data: folder('Ben'), port: ports.Ben.page }),
    startApp('Cem', blocked(link), { data: folder('Cem'), port: ports.Cem.page, proxies: proxyLinks }),
  ]);

  say('they get to know one another');
  await acquaint(apps.map((app) => app.ready.link));

  console.log(`
Everything runs. Open each in a window of its own:

  Ada  ${apps[0].ready.link}
  Ben  ${apps[1].ready.link}
  Cem  ${apps[2].ready.link}   (the service is blocked for Cem: the app goes by a proxy)

A volunteer's link, to add in Settings → Storage and data → Proxy:

  ${proxyLinks[0]}

Ctrl-C ends everything. What was written is kept in ./demo.`);
  if (!options.has('--no-browser') && (process.env.DISPLAY || process.env.WAYLAND_DISPLAY)) apps.forEach((app) => open(app.ready.link));

  const ended = await firstToEnd([service, ...proxies, ...apps]);
  throw new Error(`${ended.name} ended by itself\n${ended.log}`);
}

/** The group is made once; people and conversations are kept. */
async function acquaint(links) {
  const people = await Promise.all(links.map((link) => Person.at(link)));
  const [ada, ben, cem] = people;
  for (const [person, name] of [[ada, 'Ada'], [ben, 'Ben'], [cem, 'Cem']]) await person.becomes(name);
  for (const [one, other] of [[ben, ada], [cem, ada], [cem, ben]]) await one.meets(other);
  if (!ada.view.chats.some((chat) => chat.group)) {
    await ada.command('createGroup', { name: 'The three of us', members: [ben.view.me.account, cem.view.me.account] });
    await Promise.all(people.map((person) => person.sees('the group', (view) => view.chats.find((chat) => chat.group))));
  }
  people.forEach((person) => person.close());
}

/** The same ports each time: links and the browser's permissions stay good. */
async function keptPorts() {
  const file = `${FOLDER}/ports.json`;
  if (!existsSync(file)) {
    const wanted = { service: [...FORMS, 'relay', 'udp'], North: FORMS, South: FORMS, Ada: ['page'], Ben: ['page'], Cem: ['page'] };
    const free = await freePorts(Object.values(wanted).flat().length);
    const chosen = Object.entries(wanted).map(([who, names]) => [who, Object.fromEntries(names.map((name) => [name, free.pop()]))]);
    writeFileSync(file, JSON.stringify(Object.fromEntries(chosen), null, 1));
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

function open(address) {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open';
  spawn(command, [address], { stdio: 'ignore', detached: true }).on('error', () => {}).unref();
}

function say(what) {
  console.log(`… ${what}`);
}
