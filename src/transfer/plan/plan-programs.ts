// plan-programs: the commands of kvasir-plan.

import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressOf, connectOptions, progressMode, progressOptions } from '../program/connect.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import type { Interrupt, ProgramSpec } from '../program/program.js';
import { humanBytes } from '../program/progress.js';
import { type EngineModel, engines, makePlan, type Plan } from './capacity.js';
import { type DataSize, sizeOfRdb, sizeOfServers } from './data-size.js';
import { nodeConfig } from './node-config.js';

const GB = 2 ** 30;

const sizeOptions = {
  data: { kind: 'size', value: 'SIZE', help: 'Memory of the data in redis-server, such as 100gb.' },
  rdb: { kind: 'text', value: 'FILE', help: 'Estimate it from this RDB file.' },
  server: {
    kind: 'list',
    letter: 's',
    value: 'ADDRESS',
    help: 'Or add up these running masters: host:port, commas between.',
  },
  'host-memory': { kind: 'size', letter: 'm', value: 'SIZE', help: 'Memory of one host (default 48gb).' },
  hosts: { kind: 'list', value: 'NAMES', help: 'Hosts to use, commas between; as many as needed without it.' },
  replicas: { kind: 'integer', letter: 'r', value: 'N', help: 'Replicas of each master (default 1).' },
  growth: { kind: 'number', value: 'FACTOR', help: 'The data will be so many times as large (default 1).' },
  reserve: { kind: 'number', value: 'PERCENT', help: 'Memory of a host that is left to the system (default 10).' },
  'node-max': {
    kind: 'size',
    value: 'SIZE',
    help: 'Most data of one server (default 16gb; more makes saves and syncs long).',
  },
  engine: { kind: 'text', value: 'NAME', help: 'redis or kvasir: what will run there (default redis).' },
  fragmentation: {
    kind: 'number',
    value: 'FACTOR',
    help: "Resident memory by used memory (default 1.1, Kvasir's 1.05).",
  },
  copied: { kind: 'number', value: 'PERCENT', help: 'Pages that change during a save (default 30, Kvasir 0).' },
  'no-cluster': { kind: 'flag', help: 'Single masters behind a proxy or a sharding client, not a cluster.' },
  port: { kind: 'integer', letter: 'p', value: 'PORT', help: 'First port of each host (default 6379).' },
  configs: {
    kind: 'text',
    value: 'FOLDER',
    help: 'Write the config file of each server to FOLDER/HOST/redis-PORT.conf.',
  },
  ...connectOptions,
  ...progressOptions,
} as const satisfies OptionTable;

function positive(words: Options, name: keyof typeof sizeOptions, least = 0): number | undefined {
  const value = words.number(name);
  if (value !== undefined && (value < least || (least === 0 && value === 0)))
    throw new UsageError(`--${name} is ${least === 0 ? 'more than 0' : `${least} or more`}, not ${value}`);
  return value;
}

function replicasOf(words: Options): number {
  const count = words.number('replicas') ?? 1;
  if (count < 0) throw new UsageError(`--replicas is 0 or more, not ${count}`);
  return count;
}

function engineOf(words: Options): EngineModel {
  const name = words.text('engine') ?? 'redis';
  if (name !== 'redis' && name !== 'kvasir') throw new UsageError(`--engine is redis or kvasir, not '${name}'`);
  const engine = engines[name];
  const copied = words.number('copied');
  if (copied !== undefined && (copied < 0 || copied > 100)) throw new UsageError('--copied is a percentage');
  return {
    ...engine,
    fragmentation: positive(words, 'fragmentation', 1) ?? engine.fragmentation,
    copiedShare: copied === undefined ? engine.copiedShare : copied / 100,
  };
}

async function dataSize(words: Options, interrupt: Interrupt): Promise<DataSize | undefined> {
  const given = ['data', 'rdb', 'server'].filter((name) => words.has(name));
  if (given.length !== 1) throw new UsageError('name the data by one of --data, --rdb and --server');
  if (words.has('data')) return { source: '--data', bytes: positive(words, 'data')!, keys: undefined, types: [] };
  if (words.has('server')) return sizeOfServers(words.list('server').map((text) => addressOf(text, words)));
  const path = words.text('rdb')!;
  statSync(path);
  return sizeOfRdb(path, Date.now(), interrupt, progressMode(words));
}

async function runSize(words: Options, interrupt: Interrupt): Promise<number> {
  if (words.words.length > 0) throw new UsageError(`unexpected word '${words.words[0]!}'`);
  const reserve = words.number('reserve') ?? 10;
  const engine = engineOf(words);
  const hosts = words.list('hosts').filter((name) => name !== '');
  const demand = {
    growth: positive(words, 'growth') ?? 1,
    replicas: replicasOf(words),
    hostBytes: positive(words, 'host-memory') ?? 48 * GB,
    reservedShare: reserve / 100,
    nodeBytesMax: positive(words, 'node-max') ?? 16 * GB,
    engine,
    isCluster: !words.flag('no-cluster'),
    hosts: hosts.length === 0 ? undefined : hosts,
    firstPort: positive(words, 'port') ?? 6379,
  };
  const size = await dataSize(words, interrupt);
  if (size === undefined) return 130;
  const plan = makePlan({ ...demand, dataBytes: size.bytes });
  const folder = words.text('configs');
  if (folder !== undefined) writeConfigs(plan, folder, demand.isCluster);
  process.stdout.write(
    words.flag('json')
      ? `${JSON.stringify({ data: size, engine, growth: demand.growth, plan })}\n`
      : planText(size, plan, demand.growth, engine),
  );
  return 0;
}

function writeConfigs(plan: Plan, folder: string, isCluster: boolean): void {
  for (const { host, port } of plan.servers) {
    const place = join(folder, host.replace(/[^A-Za-z0-9._-]/g, '_'));
    mkdirSync(place, { recursive: true });
    const { maxmemoryBytes } = plan;
    const text = nodeConfig({ port, bind: '* -::*', maxmemoryBytes, isCluster, appendOnly: true });
    writeFileSync(join(place, `redis-${port}.conf`), text);
  }
}

function planText(size: DataSize, plan: Plan, growth: number, engine: EngineModel): string {
  const lines: string[] = [];
  const say = (name: string, text: string): void => void lines.push(`${name.padEnd(12)} ${text}`);
  const keys = size.keys === undefined ? '' : `, ${size.keys} keys`;
  say('data', `${humanBytes(size.bytes)} in redis-server${keys} (${size.source})`);
  for (const { name, keys: count, bytes } of size.types)
    say('', `${name.padEnd(10)} ${String(count).padStart(12)} keys ${humanBytes(bytes).padStart(10)}`);
  if (growth !== 1 || engine.dataShare !== 1)
    say(
      'planned',
      `${humanBytes(plan.dataBytes)} (growth ${growth}, ${engine.name} takes ${engine.dataShare} of that)`,
    );
  const extra = [
    `fragmentation ${engine.fragmentation}`,
    ...(engine.copiedShare > 0 ? [`copied during a save ${Math.round(engine.copiedShare * 100)} %`] : []),
    `fixed ${humanBytes(engine.fixedBytes)}`,
  ].join(', ');
  say(
    'one server',
    `maxmemory ${humanBytes(plan.maxmemoryBytes)}, takes up to ${humanBytes(plan.serverBytes)} (${extra})`,
  );
  say(
    'hosts',
    `${plan.hosts.length}, each with ${plan.serversPerHost} servers that take ${humanBytes(plan.usedHostBytes)} of ${humanBytes(plan.usableHostBytes)} usable`,
  );
  say('servers', `${plan.masters} masters, ${plan.masters * plan.replicas} replicas`);
  for (const host of plan.hosts) {
    lines.push('', host);
    for (const { port, master, role, slots } of plan.servers.filter((server) => server.host === host))
      lines.push(
        `  ${port}  ${role === 'master' ? `master ${master}` : `replica of master ${master}`}${slots === undefined ? '' : `, slots ${slots[0]}-${slots[1]}`}`,
      );
  }
  if (plan.servers.some(({ slots }) => slots !== undefined)) {
    const nodes = plan.servers.map(({ host, port }) => `${host}:${port}`).join(' ');
    const replicas = plan.replicas === 0 ? '' : ` --cluster-replicas ${plan.replicas}`;
    lines.push('', 'Start the servers, then:', `  kvasir-cli --cluster create ${nodes}${replicas}`);
  }
  return `${lines.join('\n')}\n`;
}

const configOptions = {
  port: { kind: 'integer', letter: 'p', value: 'PORT', help: 'Port of the server (default 6379).' },
  bind: { kind: 'text', value: 'ADDRESSES', help: 'Addresses to listen on (default 127.0.0.1).' },
  dir: { kind: 'text', value: 'FOLDER', help: 'Folder of its files (default the one it is started in).' },
  maxmemory: { kind: 'size', value: 'SIZE', help: 'Limit of its data.' },
  cluster: { kind: 'flag', help: 'A node of a cluster.' },
  appendonly: { kind: 'flag', help: 'Keep an append-only file.' },
  password: { kind: 'text', letter: 'a', value: 'PASSWORD', help: 'Password of clients and replicas.' },
} as const satisfies OptionTable;

function runConfig(words: Options): Promise<number> {
  if (words.words.length > 0) throw new UsageError(`unexpected word '${words.words[0]!}'`);
  process.stdout.write(
    nodeConfig({
      port: words.number('port') ?? 6379,
      bind: words.text('bind'),
      folder: words.text('dir'),
      maxmemoryBytes: words.number('maxmemory'),
      isCluster: words.flag('cluster'),
      appendOnly: words.flag('appendonly'),
      password: words.text('password'),
    }),
  );
  return Promise.resolve(0);
}

export const planPrograms: Readonly<Record<string, ProgramSpec>> = {
  size: {
    name: 'kvasir-plan size',
    usage: `Usage: kvasir-plan size (--data SIZE | --rdb FILE | --server ADDRESS) [options]

Says how many hosts and servers a data set needs, with the memory of each and its place.`,
    options: sizeOptions,
    after: 'The arithmetic is on the page docs/plan.md.',
    run: runSize,
  },
  config: {
    name: 'kvasir-plan config',
    usage: `Usage: kvasir-plan config --port PORT [options] > redis-PORT.conf

Prints the config file of one server.`,
    options: configOptions,
    run: runConfig,
  },
};
