// check-layers: holds the import table of ARCHITECTURE.md; a folder may import only what its row names.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const src = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const keyspaceAndAbove = ['base', 'memory', 'structures', 'datatypes', 'keyspace'];
const serverAndAbove = [
  ...keyspaceAndAbove,
  'io',
  'protocol',
  'registry',
  'commands',
  'persistence',
  'scripting',
  'service',
  'server',
];
const clientAndAbove = ['base', 'io', 'protocol', 'client'];
const everything = null;

/** Folder -> the folders it may import besides itself; null means any. */
const allowed = {
  base: [],
  io: ['base'],
  memory: ['base'],
  structures: ['base', 'memory'],
  datatypes: ['base', 'memory', 'structures'],
  keyspace: ['base', 'memory', 'structures', 'datatypes'],
  protocol: ['base'],
  client: ['base', 'io', 'protocol'],
  registry: ['base', 'protocol'],
  commands: [...keyspaceAndAbove, 'registry', 'protocol'],
  persistence: [...keyspaceAndAbove, 'protocol', 'registry', 'commands', 'io'],
  scripting: ['registry', 'protocol', 'base'],
  service: ['base', 'registry', 'protocol', 'io'],
  server: serverAndAbove,
  replication: [...serverAndAbove, 'client'],
  cluster: [...serverAndAbove, 'client', 'replication'],
  sentinel: ['service', 'registry', ...clientAndAbove],
  proxy: ['service', 'registry', ...clientAndAbove],
  cli: ['registry', 'persistence', ...clientAndAbove],
  bench: clientAndAbove,
  manager: ['cli', ...clientAndAbove],
  dump: ['persistence', ...keyspaceAndAbove, ...clientAndAbove],
  checkers: ['persistence', 'commands', 'registry', ...keyspaceAndAbove, ...clientAndAbove],
  apps: everything,
  embed: everything,
  simulation: everything,
};

const problems = [];
const importPattern = /(?:from|import)\s*\(?\s*'(\.[^']+)'/g;
for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
  const folder = entry.parentPath ?? entry.path;
  const path = join(folder, entry.name);
  const [own] = relative(src, path).split(sep);
  if (own.endsWith('.ts')) continue; // src/index.ts wires the package's public face
  if (!(own in allowed)) {
    problems.push(`${relative(src, path)}: folder ${own} has no row in scripts/check-layers.mjs`);
    continue;
  }
  for (const [, target] of readFileSync(path, 'utf8').matchAll(importPattern)) {
    const [other] = relative(src, resolve(folder, target)).split(sep);
    if (other === own || allowed[own] === null) continue;
    // Test files may reach up: they test through the layer that users see.
    if (/\.(test|fuzz|bench)\.ts$/.test(entry.name)) continue;
    if (!allowed[own].includes(other))
      problems.push(`${relative(src, path)}: ${own} must not import ${other} (${target})`);
  }
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n${problems.length} imports against the layers\n`);
  process.exit(1);
}
process.stdout.write('layers: every import keeps to the table\n');
