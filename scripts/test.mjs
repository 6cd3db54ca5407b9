// test: runs the test files, all of them or those whose path contains one of the given words.
//   npm test                     everything
//   npm test -- dict protocol    the files whose path contains "dict" or "protocol"
//   npm test -- dict --FLAG      with flags of `node --test`, which runs the files in the order of their names
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { slowestFiles } from './slowest-files.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const flags = process.argv.slice(2).filter((word) => word.startsWith('--'));

/** They begin first, so that none of them is left alone at the end; by the list that a run of all files prints at its end. */
const longest = ['guides/guides', 'manager/', 'admin/page', 'transfer/', 'replication/', 'proxy/codis-whole', 'cli/'];
const rank = (path) => (longest.findIndex((word) => path.includes(word)) + longest.length + 1) % (longest.length + 1);

const files = readdirSync(join(root, 'dist'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
  .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
  .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
  .sort()
  .sort((one, other) => rank(one) - rank(other));
if (files.length === 0) {
  process.stderr.write(`no test file matches: ${words.join(' ')}\n`);
  process.exit(1);
}
// Many files mostly wait for servers, so one file more than there are cores keeps the cores busy.
const concurrency = availableParallelism() + 1;
/** A test that hangs fails after twenty minutes; the slowest take one. */
const timeout = 1_200_000;
// Node 20 reads this file of certificates at every start, which takes longer than the rest of the start. Tests start thousands of
// programs, and speak to nobody outside of the machine.
delete process.env.NODE_EXTRA_CA_CERTS;

process.chdir(root);
if (flags.length > 0) {
  const { status } = spawnSync(
    process.execPath,
    ['--test', `--test-concurrency=${concurrency}`, `--test-timeout=${timeout}`, ...flags, ...files],
    { stdio: 'inherit' },
  );
  process.exit(status ?? 1);
}
const events = run({ files, concurrency, timeout });
events.on('test:fail', () => (process.exitCode = 1));
events.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout);
events.compose(slowestFiles).pipe(process.stderr);
