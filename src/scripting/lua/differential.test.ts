// The same programs in PUC Lua and here: generated ones, and every message that the parser can give.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { runLua } from './harness.js';
import { RandomLoops } from './random-loops.js';
import { RandomProgram } from './random-program.js';

/** LUA_SEEDS=2000 tries so many of each. */
const wanted = process.env['LUA_SEEDS'];
const programs = Number(wanted ?? 120);
const programsOfLoops = Number(wanted ?? 60);
const seedFirst = Number(process.env['LUA_SEED'] ?? 3000);

const isMissing = spawnSync('lua5.1', ['-v']).error !== undefined;
const skip = isMissing && process.env['CI'] !== 'true' ? 'lua5.1 is not installed (apt-get install lua5.1)' : false;
const folder = mkdtempSync(join(tmpdir(), 'kvasir-lua-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function runPeer(source: string): string {
  writeFileSync(join(folder, 'test.lua'), source, 'latin1');
  const peer = spawnSync('lua5.1', ['test.lua'], { cwd: folder, encoding: 'latin1', timeout: 180_000 });
  assert.equal(peer.error, undefined, 'lua5.1 must run when CI=true');
  return peer.stdout + peer.stderr.replace(/\nstack traceback:[^]*/, '\n');
}

/** Addresses and the sign of NaN differ between machines. */
function comparable(output: string): string {
  return output.replace(/0x[0-9a-f]{6,}/g, 'ADDRESS').replaceAll('-nan', 'nan');
}

/** The program prints the same when it runs through, when it is parked at every step and when it is parked now and then. */
function checkAgainstPeer(source: string, prng: Prng): void {
  const expected = comparable(runPeer(source));
  const seed = `LUA_SEED=${prng.seed}`;
  assert.equal(comparable(runLua(source).output), expected, seed);
  assert.equal(comparable(runLua(source, { isFrantic: true }).output), expected, `parked at every step, ${seed}`);
  const sliceLooks = (): number => prng.below(prng.pick([2, 5, 30]));
  assert.equal(
    comparable(runLua(source, { isFrantic: true, sliceLooks }).output),
    expected,
    `parked now and then, ${seed}`,
  );
}

test('generated programs print the same, also when parked', { skip }, () => {
  for (let seed = seedFirst; seed < seedFirst + programs; seed++) {
    const prng = new Prng(seed);
    checkAgainstPeer(new RandomProgram(prng).write(), prng);
  }
});

test('generated loops print the same, also when parked', { skip }, () => {
  for (let seed = seedFirst; seed < seedFirst + programsOfLoops; seed++) {
    const prng = new Prng(seed);
    checkAgainstPeer(new RandomLoops(prng).write(), prng);
  }
});

const wrongSources = [
  'x',
  'x =',
  'x = = 1',
  'local 1',
  'local function',
  'if x',
  'if x then',
  'if x then\n\nelse',
  'for',
  'for x',
  'for x =',
  'for x = 1',
  'for x = 1, 2',
  'for x, in y do end',
  'for x in y',
  'while',
  'while x',
  'repeat',
  'repeat until',
  'function',
  'function x',
  'function x(',
  'function x(a,',
  'function x(a b)',
  'return return',
  'return 1,',
  'break',
  'do',
  'do\n\nx = 1',
  'x.',
  'x.1',
  'x:',
  'x:y',
  'x[',
  'x[1',
  'x(',
  'x(1\n,2',
  '(x',
  '(x)',
  '(x) = 1',
  'f() = 1',
  'x, f() = 1, 2',
  '"abc',
  '"abc\ndef"',
  "'a",
  '[[abc',
  '[==[abc]]',
  '[=abc',
  '--[[ abc',
  'x = 1e',
  'x = 1x',
  'x = 0x',
  'x = 1..2',
  'x = 3.4.5',
  'x = "\\300"',
  'x = ...',
  'function f() return ... end',
  '{',
  'x = {',
  'x = {1',
  'x = {1,',
  'x = {a = }',
  'x = {[1] 2}',
  'x = {[1}',
  'x = a..',
  'x = a +',
  'x = not',
  'x = #',
  'x = -',
  '@',
  '~',
  '!',
  'x = $',
  'x = \x01',
  'x = \x7f',
  'x = \xe9',
  'f\n(1)',
  'f{',
  "f'",
  'goto x',
  'local x <const> = 1',
  'x = a b',
  'end',
  'x = function',
  'x = function(',
  'x = function() ',
  'local a, = 1',
  'local a = ',
  'a.b:c = 1',
  'a, b',
  'a, b c',
  'elseif',
  'until x',
  'return;;',
  'return 1 x',
  'x = }',
  'x = ]',
  'x = )',
  'for i = 1, 2 do break x end',
  'x = "a\\',
  'x = [[a\n\n',
  '\n\n\nx y',
  'x = 5 5',
  'local function f() end end',
  'nil = 1',
  '1 = 1',
  '"x" = 1',
  'and',
  'x = and',
  '...',
  'f(...',
  'x = {...',
];

test('messages of syntax errors are the same', { skip }, () => {
  for (const source of wrongSources) assert.equal(runLua(source).output, runPeer(source), JSON.stringify(source));
});

test('limits of the parser are the same', { skip }, () => {
  const many = (count: number, piece: (at: number) => string): string =>
    Array.from({ length: count }, (_, at) => piece(at)).join('\n');
  const sources = [
    many(201, (at) => `local a${at}`),
    `function f()\n${many(201, (at) => `local a${at}`)}\nend`,
    `${many(70, (at) => `local a${at}`)}\nfunction f()\n${many(70, (at) => `a${at} = 1`)}\nend`,
    `x = ${'('.repeat(150)}1${')'.repeat(150)} print(x)`,
    `print(${'{'.repeat(150)}${'}'.repeat(150)} ~= nil)`,
    `print(#"${'x'.repeat(70_000)}")`,
    `print(${Array.from({ length: 200 }, () => '1').join(' + ')})`,
    `print(${Array.from({ length: 150 }, () => '"a"').join(' .. ')})`,
    `local t = {${Array.from({ length: 1000 }, (_, at) => at).join(', ')}} print(#t, t[1000])`,
  ];
  for (const source of sources) assert.equal(runLua(source).output, runPeer(source), source.slice(0, 60));
});
