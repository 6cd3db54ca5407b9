#!/usr/bin/env node
// kvasir: the one entry: `kvasir` starts a server, `kvasir <tool> ...` runs a tool, `kvasir link` gives the tools their old names.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KVASIR_VERSION } from '../base/version.js';

interface Tool {
  readonly program: string;
  readonly summary: string;
  /** Each is a file of its own, which sees its own words and name. */
  readonly load: () => Promise<unknown>;
}

const tools: Readonly<Record<string, Tool>> = {
  server: {
    program: 'kvasir-server',
    summary: 'the data server (also without a word)',
    load: () => import('./kvasir-server.js'),
  },
  cli: { program: 'kvasir-cli', summary: 'the command line', load: () => import('./kvasir-cli.js') },
  sentinel: {
    program: 'kvasir-sentinel',
    summary: 'watches masters and fails over',
    load: () => import('./kvasir-sentinel.js'),
  },
  cluster: {
    program: 'kvasir-cluster',
    summary: 'a cluster on this machine, for development',
    load: () => import('./kvasir-cluster.js'),
  },
  trib: {
    program: 'kvasir-trib',
    summary: 'the cluster manager with the words of redis-trib.rb',
    load: () => import('./kvasir-trib.js'),
  },
  codis: {
    program: 'kvasir-codis',
    summary: 'as codis-proxy, codis-dashboard and codis-admin',
    load: () => import('./kvasir-codis.js'),
  },
  proxy: {
    program: 'kvasir-proxy',
    summary: 'stands between clients and many servers',
    load: () => import('./kvasir-proxy.js'),
  },
  benchmark: { program: 'kvasir-benchmark', summary: 'measures a server', load: () => import('./kvasir-benchmark.js') },
  dump: { program: 'kvasir-dump', summary: 'writes keys as JSON lines', load: () => import('./kvasir-dump.js') },
  load: { program: 'kvasir-load', summary: 'reads them back', load: () => import('./kvasir-load.js') },
  rdb: {
    program: 'kvasir-rdb',
    summary: 'looks into, compares, converts and mends RDB files',
    load: () => import('./kvasir-rdb.js'),
  },
  plan: {
    program: 'kvasir-plan',
    summary: 'says how many servers a data set needs',
    load: () => import('./kvasir-plan.js'),
  },
  recipes: {
    program: 'kvasir-recipes',
    summary: 'draws the failures of caches, with and without protections',
    load: () => import('./kvasir-recipes.js'),
  },
  aof: {
    program: 'kvasir-aof',
    summary: 'looks into, cuts and compacts append only files',
    load: () => import('./kvasir-aof.js'),
  },
  sync: {
    program: 'kvasir-sync',
    summary: 'keeps a target equal to a live source',
    load: () => import('./kvasir-sync.js'),
  },
  backup: {
    program: 'kvasir-backup',
    summary: 'stores snapshots, checks them and gives them back',
    load: () => import('./kvasir-backup.js'),
  },
  mysql: {
    program: 'kvasir-mysql',
    summary: 'keeps keys equal to tables of MySQL',
    load: () => import('./kvasir-mysql.js'),
  },
  admin: {
    program: 'kvasir-admin',
    summary: 'a web page to look after servers',
    load: () => import('./kvasir-admin.js'),
  },
  'check-aof': {
    program: 'kvasir-check-aof',
    summary: 'checks and repairs an append only file',
    load: () => import('./kvasir-check-aof.js'),
  },
  'check-rdb': {
    program: 'kvasir-check-rdb',
    summary: 'checks an RDB file',
    load: () => import('./kvasir-check-rdb.js'),
  },
};

const programs = dirname(fileURLToPath(import.meta.url));

function help(): string {
  const width = Math.max(...Object.keys(tools).map((name) => name.length));
  const lines = Object.entries(tools).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: kvasir [redis.conf] [--directive value ...]   starts a server
       kvasir TOOL [arguments]                       runs a tool; each has --help
       kvasir link [FOLDER] | unlink [FOLDER]        gives the tools the names of those that they replace
       kvasir version

Tools:
${lines.join('\n')}
`;
}

async function runLink(word: 'link' | 'unlink', given: string | undefined): Promise<number> {
  if (given === '--help' || given === '-h') {
    process.stdout.write(help());
    return 0;
  }
  if (given?.startsWith('-') === true) {
    process.stderr.write(`kvasir ${word}: '${given}' is no folder\n`);
    return 2;
  }
  const { defaultFolder, link, unlink } = await import('../cli/old-names.js');
  const folder = given ?? defaultFolder();
  const target = { platform: process.platform, node: process.execPath, programs };
  try {
    const paths = word === 'link' ? link(target, folder) : unlink(target, folder);
    for (const path of paths) process.stdout.write(`${word === 'link' ? 'made' : 'removed'} ${path}\n`);
    if (word === 'link')
      process.stdout.write(`\nPut the folder in front of your PATH:\n  export PATH=${folder}:"$PATH"\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`kvasir ${word}: ${(error as Error).message}\n`);
    return 1;
  }
}

const [word, ...rest] = process.argv.slice(2);
if (word === 'help' || word === '--help' || word === '-h') process.stdout.write(help());
else if (word === 'version') process.stdout.write(`kvasir ${KVASIR_VERSION}\n`);
else if ((word === 'link' || word === 'unlink') && rest.length <= 1) process.exitCode = await runLink(word, rest[0]);
else {
  const named = word === undefined ? undefined : tools[word];
  const { program, load } = named ?? tools.server!;
  process.argv.splice(1, named === undefined ? 1 : 2, join(programs, `${program}.js`));
  await load();
}
