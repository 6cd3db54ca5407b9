import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startKvasir } from '../kvasir.js';
import { withFolder } from './tools.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const pages = ['dump', 'rdb', 'aof', 'sync', 'backup', 'plan', 'upgrade'];

/** The commands of the page's `console` blocks with what they print; `...` stands for any lines. */
function sessions(text: string): { command: string; output: string }[] {
  const steps: { command: string; output: string }[] = [];
  for (const [, block] of text.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const part of block!.split(/^\$ /m).slice(1)) {
      const end = part.indexOf('\n');
      steps.push({ command: part.slice(0, end), output: part.slice(end + 1).trimEnd() });
    }
  }
  return steps;
}

function matcher(output: string): RegExp {
  const lines = output
    .split('\n')
    .map((line) => line.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\\\.\\\.\\\./g, '[^]*?'));
  return new RegExp(`^${lines.join('\n')}$`);
}

for (const page of pages)
  it(`does what docs/${page}.md shows`, async () => {
    await withFolder(async (folder) => {
      const kvasir = await startKvasir({ args: ['--appendonly', 'yes'] });
      try {
        const bin = join(folder, 'bin');
        mkdirSync(bin);
        const { bin: programs } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
          bin: Record<string, string>;
        };
        for (const [name, path] of Object.entries(programs)) {
          const script = `#!/bin/sh\nexec '${process.execPath}' '${join(root, path)}' "$@"\n`;
          writeFileSync(join(bin, name), script);
          chmodSync(join(bin, name), 0o755);
        }
        for (const { command, output } of sessions(readFileSync(join(root, 'docs', `${page}.md`), 'utf8'))) {
          const own = command.replaceAll('6379', String(kvasir.port)).replaceAll('/var/lib/redis', kvasir.folder);
          const ran = spawnSync('bash', ['-c', own], {
            cwd: folder,
            env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ''}` },
            encoding: 'utf8',
          });
          const printed = `${ran.stdout}${ran.stderr}`
            .trimEnd()
            .replaceAll(String(kvasir.port), '6379')
            .replaceAll(kvasir.folder, '/var/lib/redis');
          assert.match(printed, matcher(output), `$ ${command}`);
        }
      } finally {
        await kvasir.stop();
      }
    });
  });
