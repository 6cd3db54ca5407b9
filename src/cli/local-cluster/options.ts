// options: the command line of kvasir-cluster.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { splitWords } from '../../base/quoting.js';

export const localCommands = ['start', 'stop', 'status', 'clean'] as const;
export type LocalCommand = (typeof localCommands)[number];

export interface LocalOptions {
  masters: number;
  /** Replicas of each master. */
  replicas: number;
  /** Port of the first node; the others follow. */
  port: number;
  host: string;
  folder: string;
  /** The server's program and first words; undefined for kvasir-server. */
  server: readonly string[] | undefined;
  password: string | undefined;
  nodeTimeoutMs: number;
  /** Further words for each server. */
  serverWords: readonly string[];
  json: boolean;
}

export type LocalCommandLine =
  | { readonly kind: 'run'; readonly command: LocalCommand; readonly options: LocalOptions }
  | { readonly kind: 'help'; readonly status: number }
  | { readonly kind: 'refuse'; readonly text: string };

const busOffset = 10_000;

export const localUsage = `Usage: kvasir-cluster start|stop|status|clean [options] [-- server options]

A Redis Cluster on this machine, for development: starts the nodes and joins them, in one command.

  start                 Start the cluster; make it first, if it is new.
  stop                  Stop all nodes. Their data stays.
  status                Show each node with its role, slots and keys. Status 0 if all is well.
  clean                 Stop all nodes and delete their data.

Options:
  --masters <n>         Masters (default 3, at least 3).
  --replicas <n>        Replicas of each master (default 1).
  --port <port>         Port of the first node; the others follow (default 6381). Port + 10000 is the node's bus.
  --host <address>      Address to listen on (default 127.0.0.1).
  --dir <folder>        Where data and logs are (default ~/.kvasir/cluster-<port>).
  --server <command>    Another server, such as redis-server (default kvasir-server).
  --password <password> Password of the nodes.
  --node-timeout <ms>   Milliseconds until a silent node counts as failing (default 5000).
  --json                status as JSON.
  --help                This text.

Example:
  kvasir-cluster start --port 7000
  kvasir-cli -c -p 7000 set greeting hello
  kvasir-cluster clean --port 7000
`;

/** `environment`: for HOME and the like. */
export function parseLocalCommandLine(words: readonly string[]): LocalCommandLine {
  const [command] = words;
  if (command === undefined || words.includes('--help') || command === '-h' || command === 'help')
    return { kind: 'help', status: command === undefined ? 1 : 0 };
  if (!isLocalCommand(command))
    return { kind: 'refuse', text: `Unknown command '${command}': it is one of ${localCommands.join(', ')}` };
  const end = words.indexOf('--');
  const given = new Map<string, string>();
  let json = false;
  const own = words.slice(1, end < 0 ? undefined : end);
  for (let index = 0; index < own.length; index++) {
    const name = own[index]!;
    if (name === '--json') json = true;
    else if (!valueNames.includes(name)) return { kind: 'refuse', text: `Unknown option '${name}'` };
    else if (own[index + 1] === undefined) return { kind: 'refuse', text: `${name} needs a value` };
    else given.set(name, own[++index]!);
  }
  const wrong = checkNumbers(given);
  if (wrong !== undefined) return { kind: 'refuse', text: wrong };
  const number = (name: string, otherwise: number): number => Number(given.get(name) ?? otherwise);
  const port = number('--port', 6381);
  const server = given.get('--server');
  const serverParts = server === undefined ? undefined : splitWords(server);
  if (server !== undefined && (serverParts === undefined || serverParts.length === 0))
    return { kind: 'refuse', text: `--server: '${server}' is no command` };
  const options: LocalOptions = {
    masters: number('--masters', 3),
    replicas: number('--replicas', 1),
    port,
    host: given.get('--host') ?? '127.0.0.1',
    folder: resolve(given.get('--dir') ?? join(homedir(), '.kvasir', `cluster-${port}`)),
    server: serverParts?.map((word) => Buffer.from(word, 'latin1').toString()),
    password: given.get('--password') ?? process.env.REDISCLI_AUTH,
    nodeTimeoutMs: number('--node-timeout', 5000),
    serverWords: end < 0 ? [] : words.slice(end + 1),
    json,
  };
  const last = port + options.masters * (1 + options.replicas) - 1 + busOffset;
  if (last > 65535)
    return {
      kind: 'refuse',
      text: `The bus of the last node would have the port ${last}: take a --port below ${65536 - busOffset - (last - port - busOffset)}`,
    };
  return { kind: 'run', command, options };
}

const valueNames = ['--masters', '--replicas', '--port', '--host', '--dir', '--server', '--password', '--node-timeout'];

function isLocalCommand(word: string): word is LocalCommand {
  return (localCommands as readonly string[]).includes(word);
}

const bounds: readonly (readonly [name: string, least: number, most: number])[] = [
  ['--masters', 3, 500],
  ['--replicas', 0, 20],
  ['--port', 1, 55535],
  ['--node-timeout', 100, 3_600_000],
];

function checkNumbers(given: ReadonlyMap<string, string>): string | undefined {
  for (const [name, least, most] of bounds) {
    const value = given.get(name);
    if (value === undefined) continue;
    if (!/^\d{1,9}$/.test(value) || Number(value) < least || Number(value) > most)
      return `${name} is a number of ${least} to ${most}, not '${value}'`;
  }
  return undefined;
}
