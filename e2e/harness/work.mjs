// What programs take of the processor, and how to give them only one core of it. Linux.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './programs.mjs';

/** The core for what is measured. */
const CORE = ['taskset', '-c', '0'];

/** A program as one file that runs on that core alone: for who starts browsers by their path. */
export function onOneCore(path) {
  const script = join(temporaryFolder('wrapped'), 'program');
  writeFileSync(script, `#!/bin/sh\nexec ${CORE.join(' ')} ${path} "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}

/** So many programs beside it that never rest. The returned function ends them. */
export function keepBusy(programs) {
  const [command, ...rest] = [...CORE, 'setpriv', '--pdeathsig', 'KILL', 'sh', '-c', 'while :; do :; done'];
  const busy = Array.from({ length: programs }, () => spawn(command, rest));
  return () => Promise.all(busy.map((each) => (each.kill('SIGKILL'), once(each, 'exit'))));
}

/** Processor seconds of a process and all below it: the one whose command has this word, and is nobody's helper. */
export function secondsOf(word) {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).flatMap(lookAt);
  const [first] = processes.filter(({ command }) => command.includes(word) && !command.includes('--type=')).sort((one, other) => one.id - other.id);
  if (!first) throw new Error(`no process has ${word} in its command`);
  const below = (id) => processes.filter(({ parent }) => parent === id).reduce((sum, each) => sum + each.ticks + below(each.id), 0);
  return (first.ticks + below(first.id)) / TICKS_PER_SECOND;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

function lookAt(id) {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    // The name, in brackets, may hold anything; utime and stime, and those of children that have ended.
    const [, parent, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = fields.slice(9, 13).reduce((sum, field) => sum + Number(field), 0);
    return [{ id, parent: Number(parent), ticks, command: readFileSync(`/proc/${id}/cmdline`, 'utf8') }];
  } catch {
    return []; // it has ended
  }
}
