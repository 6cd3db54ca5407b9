// old-names: `kvasir link`: puts the programs under the names of those that they replace into a folder for PATH.
//
// Each is a script of two lines that runs the program with this Node, in the same process (exec), so that `redis-server &` and
// `kill $!` mean the server. Programs that run on have their old names for `ps`, `pgrep` and `killall` too. On Windows it is a .cmd file.

import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';

/** Old name -> program. */
export const oldNames: Readonly<Record<string, string>> = {
  'redis-server': 'kvasir-server',
  'redis-cli': 'kvasir-cli',
  'redis-sentinel': 'kvasir-sentinel',
  'redis-benchmark': 'kvasir-benchmark',
  'redis-check-aof': 'kvasir-check-aof',
  'redis-check-rdb': 'kvasir-check-rdb',
  'redis-check-dump': 'kvasir-check-rdb',
  'redis-trib.rb': 'kvasir-trib',
  nutcracker: 'kvasir-nutcracker',
  'redis-dump': 'kvasir-dump',
  'redis-load': 'kvasir-load',
};

/** Programs that run on, and are looked for by name. The others end by themselves. */
const titled: readonly string[] = ['redis-server', 'redis-sentinel', 'nutcracker'];

/** A line of each script by which it is known as ours. */
const MARK = 'made by `kvasir link`';

export interface LinkTarget {
  readonly platform: NodeJS.Platform;
  /** Path of Node. */
  readonly node: string;
  /** Folder of the programs. */
  readonly programs: string;
}

/** Path of a program's file; two programs share one. */
function programFile(programs: string, name: string): string {
  return join(programs, `${name === 'kvasir-nutcracker' ? 'kvasir-proxy' : name}.js`);
}

function scriptOf({ platform, node, programs }: LinkTarget, name: string): string {
  const file = programFile(programs, oldNames[name]!);
  if (platform === 'win32') return `@rem ${MARK}\r\n@"${node}" "${file}" %*\r\n`;
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  // Bun and Deno have other options.
  const title = titled.includes(name) && basename(node).startsWith('node') ? ` --title=${name}` : '';
  return `#!/bin/sh\n# ${MARK}\nexec ${quoted(node)}${title} ${quoted(file)} "$@"\n`;
}

function pathOf(target: LinkTarget, folder: string, name: string): string {
  return join(folder, target.platform === 'win32' ? `${name}.cmd` : name);
}

/** Where the scripts go if nothing else is said. */
export function defaultFolder(): string {
  return join(homedir(), '.kvasir', 'bin');
}

/** Writes the scripts; returns their paths. Throws an Error, and writes nothing, when a file of another origin is in the way. */
export function link(target: LinkTarget, folder: string): string[] {
  const full = resolve(folder);
  const paths = Object.keys(oldNames).map((name) => pathOf(target, full, name));
  const foreign = paths.find((path) => existsSync(path) && !readFileSync(path, 'latin1').includes(MARK));
  if (foreign !== undefined) throw new Error(`${foreign} exists and was not made by kvasir link; nothing was changed`);
  mkdirSync(full, { recursive: true });
  Object.keys(oldNames).forEach((name, index) => {
    writeFileSync(paths[index]!, scriptOf(target, name));
    chmodSync(paths[index]!, 0o755);
  });
  return paths;
}

/** Takes the scripts away that `link` has written; returns their paths. */
export function unlink(target: LinkTarget, folder: string): string[] {
  const own = Object.keys(oldNames)
    .map((name) => pathOf(target, resolve(folder), name))
    .filter((path) => existsSync(path) && readFileSync(path, 'latin1').includes(MARK));
  for (const path of own) rmSync(path);
  return own;
}
