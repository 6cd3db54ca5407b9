// programs: the programs of the package on a PATH of their own: under their own names, and under the old ones by `kvasir link`.
//
// A command line that prints to the terminal and not into a pipe shows replies as at a terminal; FAKETTY tells it so. A server or command line
// without a port has the one that stands for 6379.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Makes the folder of the programs; returns it. */
export function makePrograms(): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'kvasir-guide-programs-')), 'bin');
  mkdirSync(folder);
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
  execFileSync(process.execPath, [join(root, bin['kvasir']!), 'link', folder], { stdio: 'ignore' });
  for (const [name, path] of Object.entries(bin)) write(folder, name, runOf(path));
  for (const name of ['kvasir-cli', 'redis-cli'])
    write(folder, name, `[ /dev/fd/1 -ef /dev/fd/9 ] && export FAKETTY=1\n${cliPort}\n${runOf(bin['kvasir-cli']!)}`);
  for (const name of ['kvasir-server', 'redis-server'])
    write(folder, name, `${serverPort}\n${withoutWarmUp}\n${runOf(bin['kvasir-server']!, `--title=${name}`)}`);
  write(folder, 'kvasir', `${tools}\n${runOf(bin['kvasir']!).slice('exec '.length)}`);
  return folder;
}

const cliPort = `case " $* " in
  *" -p "* | *" -u "* | *" -s "* | *" --cluster "*) ;;
  *) [ -n "$KVASIR_GUIDE_PORT" ] && set -- -p "$KVASIR_GUIDE_PORT" "$@" ;;
esac`;
const serverPort = `[ $# = 0 ] && [ -n "$KVASIR_GUIDE_PORT" ] && set -- --port "$KVASIR_GUIDE_PORT"`;
/** Guides start dozens of servers that run no script (see testFlags in kvasir.ts); words that only print something stay alone. */
const withoutWarmUp = `case " $* " in
  "  " | *" -v "* | *" --version "* | *" -h "* | *" --help "* | *" - "* | *"-config "* | *" --sentinel "*) ;;
  *) set -- "$@" --script-warm-up no ;;
esac`;

/** What `kvasir link` makes gets the same treatment. */
const tools = `case "$1" in
  cli) shift; exec kvasir-cli "$@" ;;
  server) shift; exec kvasir-server "$@" ;;
  link) trap 'cp "\${0%/*}/redis-cli" "\${0%/*}/redis-server" "$2"' EXIT ;;
esac`;

/** `options` are Node's. */
function runOf(path: string, options = ''): string {
  return `exec '${process.execPath}' ${options} '${join(root, path)}' "$@"`;
}

function write(folder: string, name: string, script: string): void {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
