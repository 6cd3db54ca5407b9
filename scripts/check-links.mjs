// check-links: every relative link in the project's documents leads to a file, and every `#fragment` to a heading of it.
//
//   node scripts/check-links.mjs [ROOT]
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const documents = readdirSync(root).filter((name) => name.endsWith('.md'));
if (existsSync(join(root, 'docs'))) {
  for (const name of readdirSync(join(root, 'docs'), { recursive: true })) {
    if (name.endsWith('.md')) documents.push(join('docs', name));
  }
}

/** The text without code, where brackets are no links. */
const prose = (text) => text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '').replace(/`[^`\n]*`/g, '');

/** The fragment that a heading gets where documents are shown. */
const fragmentOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

function hasHeading(path, fragment) {
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => fragmentOf(heading));
  return headings.includes(fragment);
}

function problemOf(document, target) {
  const [path, fragment] = target.split('#');
  const file = path === '' ? join(root, document) : join(root, dirname(document), decodeURIComponent(path));
  if (relative(root, file).startsWith('..')) return `links to ${target}, which is outside the project`;
  if (!existsSync(file)) return `links to ${target}, which does not exist`;
  if (fragment === undefined || !file.endsWith('.md') || statSync(file).isDirectory()) return undefined;
  return hasHeading(file, fragment) ? undefined : `links to ${target}, which has no such heading`;
}

const problems = [];
let count = 0;
for (const document of documents.sort()) {
  const text = prose(readFileSync(join(root, document), 'utf8'));
  const links = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\s*\[[^\]]+\]:\s*(\S+)/gm)];
  for (const [, inline, reference] of links) {
    const target = inline ?? reference;
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue;
    count++;
    const problem = problemOf(document, target);
    if (problem !== undefined) problems.push(`${document}: ${problem}`);
  }
}
if (problems.length > 0) {
  process.stderr.write(`${problems.join('\n')}\n${problems.length} links lead nowhere\n`);
  process.exit(1);
}
process.stdout.write(`links: ${count} relative links in ${documents.length} documents lead to a file\n`);
