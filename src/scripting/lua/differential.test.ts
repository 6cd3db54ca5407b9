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
const programs = Number(wanted ?? 40);
const programsOfLoops = Number(wanted ?? 25);
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

/** Constructs with a fast path, beside those that it must not change. */
const apart = [
  `local t = {a = 1, b = nil, c = 3} for k, v in pairs(t) do print(k, v) end t.b = 2 t.a = nil print(next({a = nil}), t.a, t.b, t.c)`,
  `local t = {a = 1, a = 2, 'x', b = 3, ['c'] = 4, [1] = 'y', 'z'} print(t.a, t.b, t.c, t[1], t[2], #t)`,
  `local t = {a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10} local n = 0 for _, v in pairs(t) do n = n + v end t.k = 11 print(n, t.k, t.a, t.j)`,
  `local function make(v) return {x = v, y = v} end local a, b = make(1), make(2) a.z = 3 b.x = 5 print(a.x, a.z, b.x, b.z, make(3).x, make(3).z)`,
  `local x = 1 local function set() x = 2 return 3 end local t = {a = x, b = set(), c = x} print(t.a, t.b, t.c)`,
  `print(pcall(function() local t = {a = 1, b = nil + 1} end))`,
  `local t = {a = 'a', b = {c = {d = 1}}} t = {a = t.b, b = t.a} print(t.a.c.d, t.b)`,
  `local function f(...) return (select(2, ...)), (select(-1, ...)), (select('#', ...)), (select('2', ...)), (select(2.7, ...)) end print(f(1, 2, 3)) print(f(nil, nil))`,
  `local function f(n, ...) return (select(n, ...)) end print(f(1), f(5, 1), pcall(f, 0, 1)) print(pcall(f, -3, 1), pcall(f, {}, 1), pcall(f))`,
  `local function f(...) local select = function(a, b) return b, a end return (select(7, ...)) end print(f('x', 'y'))`,
  `local function two() return 1, 2 end local function none() end local function one() return 'x' end
  print((select(2, two())), (select('#', two())), (select('#', none())), (select('#', one())), (select(1, one())), (select(2, one())), (select(1, none())), pcall(function() return (select(0, two())) end))`,
  `local co = coroutine.wrap(function() print((select(2, coroutine.yield(1)))) print((select('#', coroutine.yield(2)))) end) co() co('a', 'b') co()`,
  `local m = {} local t = setmetatable({}, m) print(t.x) m.__index = {x = 1} print(t.x) m.__index = {x = 2} print(t.x) m.__index = nil print(t.x) rawset(m, '__index', function(_, k) return k end) print(t.x)`,
  `local m = {__index = {x = 1}} local t = setmetatable({}, m) print(t.x) for k in pairs(m) do m[k] = nil end print(t.x) m.a = 1 m.__index = {x = 3} print(t.x)`,
  `local t = setmetatable({}, {__index = setmetatable({}, {__index = 5})}) print(pcall(function() return t.x end))`,
  `local a = {} setmetatable(a, {__index = a}) print(pcall(function() return a.x end))`,
  `print(pcall(function() return ('x').nosuch end), pcall(function() return ('x'):nosuch() end))`,
  `print(('Az\\200\\255z'):upper():byte(1, -1)) print(('AZ\\192\\223'):lower():byte(1, -1)) print(('x'):rep(50):upper() .. '\\181', (('ab\\0c'):rep(9)):reverse())`,
  `for _, r in ipairs{print, 'x', '%1', {x = 1}} do for _, p in ipairs{'(', '()(', '(.)(', '()()(', '(.)', '%1', '[', '%'} do print(pcall(function() return ('xyz'):gsub(p, r) end)) end end`,
  `for _, p in ipairs{'(', '()(', 'y()('} do print(pcall(function() return ('xyz'):find(p) end)) print(pcall(function() for a, b in ('xyz'):gmatch(p) do print(a, b) end end)) end`,
  `for _, p in ipairs{'(.-)%s*$', '^(%s*)(.-)(%s*)$', '([^/]*)$', '()a*()$', '(a+)(a+)$', '(a-)(b)', '(a*)()b', '((a*))$', '%b()', '(%b())', '%f[%z]', '()%f[%a]', '(a?)(a?)a', '^(a-)$', '(.-)(.-)b'} do
  for _, s in ipairs{'', 'a', 'aaa', '  aa b ', 'x/y/z', 'aab', '(a(b)) c', 'x(', 'ba'} do print(p, s, s:find(p)) print(s:gsub(p, '<%0>')) for a, b in s:gmatch(p) do print(a, b) end end end`,
];

test('forms that are compiled apart print the same', { skip }, () => {
  for (const source of apart) checkAgainstPeer(source, new Prng(1));
});
