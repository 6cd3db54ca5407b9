// The guides of docs/guides: what they tell the reader to run is run here, and prints what they show.
//
//   npm test -- guides/guides
//   KVASIR_GUIDES=failover npm test -- guides/guides
//   KVASIR_GUIDES=failover KVASIR_GUIDES_RECORD=1 npm test -- guides/guides     writes into the page what is printed
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { peerMissing } from '../peer.js';
import { parseGuide, type Guide } from './page.js';
import { makePrograms, root } from './programs.js';
import { recordPage, writePage } from './record.js';
import { GuideRun } from './run-guide.js';

const folder = join(root, 'docs/guides');
const noGuides = ['README.md', 'WRITING.md'];
const asked = process.env.KVASIR_GUIDES?.split(',');
const isRecording = process.env.KVASIR_GUIDES_RECORD === '1';
/** Blocks that show what cannot be run here. More of them need a good reason. */
const notRun: Readonly<Record<string, number>> = {
  backup: 1,
  phpredisadmin: 1,
  presharding: 1,
  proxy: 1,
  'scale-in': 1,
  'scale-out': 2,
  sentinel: 1,
  server: 1,
};

function readGuide(...path: readonly string[]): Guide {
  return parseGuide(path.join('/').replace(/\.md$/, ''), readFileSync(join(folder, ...path), 'utf8'));
}

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.md') && !noGuides.includes(name))
  .map((name) => name.replace(/\.md$/, ''))
  .sort();

const guides = new Map(names.map((name) => [name, readGuide(`${name}.md`)]));

/** The guide, and those that it goes on from, first ones first. */
function chainTo(name: string): Guide[] {
  const guide = guides.get(name);
  if (guide === undefined) throw new Error(`there is no guide ${name}`);
  return guide.after === undefined ? [guide] : [...chainTo(guide.after), guide];
}

/** Chains of guides that follow each other on one machine, none of which is the beginning of another. */
function chains(): Guide[][] {
  const isAsked = (name: string): boolean => asked === undefined || asked.includes('all') || asked.includes(name);
  const all = names.filter(isAsked).map(chainTo);
  return all.filter(
    (chain) => !all.some((other) => other.length > chain.length && other[chain.length - 1] === chain.at(-1)),
  );
}

describe('guides', { concurrency: 2, skip: process.platform === 'win32' ? 'they are for a shell' : false }, () => {
  let programs: string;
  before(() => {
    programs = makePrograms();
  });
  after(() => rmSync(dirname(programs), { recursive: true }));

  for (const chain of chains())
    it(chain.map(({ name }) => name).join(', then '), async (t) => {
      const needs = chain.flatMap((guide) => guide.needs);
      const missing = needs.length === 0 ? false : peerMissing(...needs);
      if (missing !== false) return t.skip(missing);
      const run = new GuideRun(programs, isRecording ? recordPage : undefined);
      try {
        for (const guide of chain) {
          await run.run(guide);
          if (isRecording) writePage(join(folder, `${guide.name}.md`));
        }
      } finally {
        await run.close();
      }
    });
});

describe('guides as texts', () => {
  it('show the same commands in Chinese', () => {
    const chinese = readdirSync(join(folder, 'zh')).filter((name) => name !== 'README.md');
    assert.deepEqual(chinese.map((name) => name.replace(/\.md$/, '')).sort(), names);
    for (const name of names) {
      const [one, other] = [readGuide(`${name}.md`), readGuide('zh', `${name}.md`)];
      assert.deepEqual(other.blocks, one.blocks, name);
      assert.deepEqual(
        [other.after, other.ports, other.folders, other.needs],
        [one.after, one.ports, one.folders, one.needs],
        name,
      );
    }
  });

  it('have few blocks that are not run', () => {
    const counted = names.map((name) => [name, readGuide(`${name}.md`).notRun.length] as const);
    assert.deepEqual(Object.fromEntries(counted.filter(([, count]) => count > 0)), notRun);
  });

  it('stand in the list of guides, in both languages', () => {
    for (const index of ['README.md', 'zh/README.md']) {
      const text = readFileSync(join(folder, index), 'utf8');
      for (const name of names) assert.ok(text.includes(`(${name}.md)`), `${index} has no ${name}`);
    }
  });
});
