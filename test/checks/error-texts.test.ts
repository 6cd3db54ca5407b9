// Each text of an error reply stands in one place: a client that matches on it, and a test of an old version, find one spelling.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from './plant.js';

/** Folders whose code writes replies; others read those of servers, or speak as another server. */
const folders = [
  ...['protocol', 'registry', 'commands', 'keyspace', 'datatypes', 'persistence', 'scripting'],
  ...['service', 'server', 'replication', 'cluster', 'sentinel'],
];

/** Text -> the places where it stands. */
function errorTexts(files: ReadonlyMap<string, string>): Map<string, string[]> {
  const places = new Map<string, string[]>();
  for (const [path, source] of files)
    for (const [index, line] of source.split('\n').entries())
      for (const [, text] of line.matchAll(/'([A-Z]{2,} [^']{6,})'/g)) {
        if (!/^(ERR|BUSY|LOADING|NOAUTH|NOGROUP|NOSCRIPT|OOM|READONLY|WRONGTYPE|MISCONF|EXECABORT)\b/.test(text!))
          continue;
        places.set(text!, [...(places.get(text!) ?? []), `${path}:${index + 1}`]);
      }
  return places;
}

function repeated(files: ReadonlyMap<string, string>): string[] {
  return [...errorTexts(files)].filter(([, at]) => at.length > 1).map(([text, at]) => `'${text}' in ${at.join(', ')}`);
}

test('no text of an error reply is written twice', () => {
  const files = new Map<string, string>();
  for (const folder of folders)
    for (const path of readdirSync(join(projectRoot, 'src', folder), { recursive: true, encoding: 'utf8' }))
      if (path.endsWith('.ts') && !/\.(test|fuzz|bench)\.ts$/.test(path))
        files.set(`${folder}/${path}`, readFileSync(join(projectRoot, 'src', folder, path), 'utf8'));
  assert.ok(errorTexts(files).size > 200);
  assert.deepEqual(repeated(files), []);
});

test('a text that is written twice is found', () => {
  const line = "reply.error('ERR no such thing');\n";
  assert.deepEqual(
    repeated(
      new Map([
        ['a.ts', line],
        ['b.ts', `\n${line}`],
      ]),
    ),
    ["'ERR no such thing' in a.ts:1, b.ts:2"],
  );
});
