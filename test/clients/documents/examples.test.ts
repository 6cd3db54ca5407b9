// The programs of docs/clients run against a server, where their client is installed.
import { deepEqual } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { startServer, type EmbeddedServer } from '../../../src/embed/start-server.js';

const run = promisify(execFile);
const root = new URL('../../../../', import.meta.url).pathname;
const page = readFileSync(join(root, 'docs/clients/README.md'), 'utf8');

/** Blocks of the page by the second word after their fence. */
const blocks = new Map(
  [...page.matchAll(/^```\w+ ([\w-]+)\n([\s\S]*?)^```$/gm)].map((match) => [match[1]!, match[2]!]),
);

interface Example {
  readonly file: string;
  /** A command that works only where the client is installed; absent: it always is. */
  readonly probe?: readonly string[];
  readonly commands: readonly (readonly string[])[];
  readonly output?: 'jobs';
  readonly environment?: NodeJS.ProcessEnv;
}

/** Where Debian puts the sources of packages of Go. */
const goPath = '/usr/share/gocode';
const python = '/usr/bin/python3';
const examples: Readonly<Record<string, Example>> = {
  ioredis: { file: 'a.mjs', commands: [[process.execPath, 'a.mjs']] },
  'node-redis': { file: 'a.mjs', commands: [[process.execPath, 'a.mjs']] },
  'redis-py': { file: 'a.py', probe: [python, '-c', 'import redis'], commands: [[python, 'a.py']] },
  phpredis: {
    file: 'a.php',
    probe: ['php', '-r', 'exit(class_exists("Redis") ? 0 : 1);'],
    commands: [['php', 'a.php']],
  },
  predis: {
    file: 'a.php',
    probe: ['php', '-r', 'exit(stream_resolve_include_path("Predis/Autoloader.php") ? 0 : 1);'],
    commands: [['php', 'a.php']],
  },
  'redis-rb': { file: 'a.rb', probe: ['ruby', '-e', 'require "redis"'], commands: [['ruby', '-W0', 'a.rb']] },
  hiredis: {
    file: 'a.c',
    probe: ['sh', '-c', 'echo "#include <hiredis/hiredis.h>" | cc -E - >/dev/null'],
    commands: [['cc', 'a.c', '-o', 'a.out', '-lhiredis'], ['./a.out']],
  },
  perl: { file: 'a.pl', probe: ['perl', '-MRedis', '-e', '1'], commands: [['perl', 'a.pl']] },
  redigo: {
    file: 'a.go',
    probe: ['sh', '-c', `go version && test -d ${goPath}/src/github.com/gomodule/redigo`],
    commands: [['go', 'run', 'a.go']],
    environment: { GO111MODULE: 'off', GOPATH: goPath, GOPROXY: 'off' },
  },
  resque: { file: 'a.mjs', commands: [[process.execPath, 'a.mjs']], output: 'jobs' },
  sidekiq: {
    file: 'a.rb',
    probe: ['ruby', '-e', 'require "sidekiq"'],
    commands: [['ruby', '-W0', 'a.rb']],
    output: 'jobs',
  },
  laravel: {
    file: 'a.php',
    probe: [
      'php',
      '-r',
      'foreach (["Queue", "Redis", "Events"] as $part) if (!stream_resolve_include_path("Illuminate/$part/autoload.php")) exit(1); exit(class_exists("Redis") ? 0 : 1);',
    ],
    commands: [['php', 'a.php']],
    output: 'jobs',
  },
  celery: { file: 'a.py', probe: [python, '-c', 'import celery'], commands: [[python, 'a.py']], output: 'jobs' },
};

describe('docs/clients', () => {
  let server: EmbeddedServer;
  let folder: string;

  before(async () => {
    server = await startServer();
    folder = mkdtempSync(join(tmpdir(), 'kvasir-clients-'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  });

  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test('each program of the page is run', () => {
    deepEqual(
      [...blocks.keys()].filter((name) => name !== 'output' && name !== 'jobs').sort(),
      Object.keys(examples).sort(),
    );
  });

  for (const [name, { file, probe, commands, output, environment: own }] of Object.entries(examples)) {
    test(`${name} prints what the page says`, async (t) => {
      const environment = { cwd: folder, env: { ...process.env, PORT: String(server.port), ...own } };
      if (probe !== undefined) {
        const isThere = await run(probe[0]!, probe.slice(1), environment).then(
          () => true,
          () => false,
        );
        if (!isThere) return t.skip(`${name} is not installed`);
      }
      writeFileSync(join(folder, file), blocks.get(name)!);
      const client = server.connect();
      client.write('*1\r\n$8\r\nFLUSHALL\r\n');
      await new Promise((resolve) => client.once('data', resolve));
      client.destroy();
      let printed = '';
      for (const command of commands) printed = (await run(command[0]!, command.slice(1), environment)).stdout;
      deepEqual(printed, blocks.get(output ?? 'output'));
      return undefined;
    });
  }
});
