// test: runs the test files, all of them or those whose path contains one of the given words.
//   npm test                     everything
//   npm test -- dict protocol    the files whose path contains "dict" or "protocol"
//   npm test -- dict --FLAG      with flags of `node --test`, which runs the files in the order of their names
//   npm test -- --rerun          files that failed run again, each alone; those that pass now are named as unsteady, the others
//                                fail the run
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { finished } from 'node:stream/promises';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { slowestFiles } from './slowest-files.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const flags = process.argv.slice(2).filter((word) => word.startsWith('--') && word !== '--rerun');
const rerun = process.argv.includes('--rerun');
/** More failed files than these are a fault of the code, which nobody needs to see twice. */
const RERUN_FILES = 10;

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
// Many files mostly wait for servers, so two files more than there are cores keep the cores busy.
const concurrency = availableParallelism() + 2;
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

/** Runs `files`, `concurrency` at a time, and gives the absolute paths of those that failed. */
async function failedOf(files, concurrency) {
  const failed = new Set();
  const events = run({ files, concurrency, timeout });
  events.on('test:fail', ({ file }) => failed.add(file ?? 'a file without a name'));
  events.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout, { end: false });
  events.compose(slowestFiles).pipe(process.stderr, { end: false });
  await finished(events);
  return [...failed];
}

let failed = await failedOf(files, concurrency);
if (rerun && failed.length > 0 && failed.length <= RERUN_FILES) {
  const unsteady = failed;
  failed = await failedOf(unsteady, 1);
  for (const file of unsteady.filter((path) => !failed.includes(path)))
    process.stderr.write(`unsteady: ${relative(root, file)} failed among the others and passed alone; mend the test\n`);
}
if (failed.length > 0) {
  process.exitCode = 1;
  process.stderr.write(`failed files:\n${failed.map((file) => `  ${relative(root, file)}\n`).join('')}`);
}
