// plant: writes a small tree of files into a folder of its own and runs one of the project's checks on it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project itself; compiled tests are two folders deeper than their sources. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

export interface CheckResult {
  status: number | null;
  output: string;
}

/** Runs `scripts/NAME ROOT ...` on a tree; `files` is path -> text. */
export function runCheck(script: string, files: Readonly<Record<string, string>>, ...args: string[]): CheckResult {
  return inTree(files, (root) => {
    const run = spawnSync(process.execPath, [join(projectRoot, 'scripts', script), root, ...args], {
      encoding: 'utf8',
    });
    return { status: run.status, output: run.stdout + run.stderr };
  });
}

/** Calls `use` with the root of a tree that is removed afterwards. */
export function inTree<Result>(files: Readonly<Record<string, string>>, use: (root: string) => Result): Result {
  const root = mkdtempSync(join(tmpdir(), 'kvasir-checks-'));
  const remove = (): void => rmSync(root, { recursive: true, force: true });
  let result: Result;
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    result = use(root);
  } catch (error) {
    remove();
    throw error;
  }
  if (result instanceof Promise) return result.finally(remove) as Result;
  remove();
  return result;
}
