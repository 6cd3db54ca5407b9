// find-fuzzers: the fuzzers of all `*.fuzz.ts` files.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Fuzzer } from '../../src/base/fuzzer.js';

export interface FoundFuzzer {
  /** Path of the source without its ending, from src on. */
  readonly file: string;
  readonly fuzzer: Fuzzer;
}

/** All fuzzers of the files whose path contains one of the words; every file for none. */
export async function findFuzzers(words: readonly string[] = []): Promise<FoundFuzzer[]> {
  const root = fileURLToPath(new URL('../../src/', import.meta.url));
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.fuzz.js'))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .sort();
  const found: FoundFuzzer[] = [];
  for (const path of paths) {
    const module = (await import(pathToFileURL(join(root, path)).href)) as { fuzzers: readonly Fuzzer[] };
    for (const fuzzer of module.fuzzers) found.push({ file: path.replace(/\.fuzz\.js$/, ''), fuzzer });
  }
  return found;
}
