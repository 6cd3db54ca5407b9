// The page about the life of a request names every gate, in the order in which the data server asks them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Gate } from '../../src/service/clients/client.js';
import { projectRoot } from './plant.js';

const page = readFileSync(join(projectRoot, 'docs/lifecycle.md'), 'utf8');
const server = readFileSync(join(projectRoot, 'src/server/server.ts'), 'utf8');

test('docs/lifecycle.md names every gate', () => {
  for (const name of Object.keys(Gate)) assert.match(page, new RegExp(`\\b${name}\\b`), name);
});

test('docs/lifecycle.md has the gates in the order of the code', () => {
  const own = server.slice(server.indexOf('private allGates()'));
  const inCode = [...own.slice(0, own.indexOf('];')).matchAll(/bit: Gate\.(\w+)|(serviceGates)\(/g)].flatMap(
    ([, name, service]) => (service === undefined ? [name] : ['AUTH', 'ACL', 'SUBSCRIBED']),
  );
  const onPage = [...page.matchAll(/^ {3}\|-[-*] ([A-Z_]+): /gm)].map(([, name]) => name);
  assert.ok(inCode.length > 10);
  assert.deepEqual(
    onPage.filter((name) => inCode.includes(name)),
    inCode,
  );
});
