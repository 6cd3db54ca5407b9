// lua.bench: this engine and PUC Lua 5.1 on the same small programs, in turns, best of several runs.
//   node dist/src/scripting/lua/lua.bench.js [name]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile } from './compile.js';
import { Engine, Execution } from './engine.js';
import { native } from './native.js';
import { LuaTable } from './values.js';

const cases: Record<string, string> = {
  'fib(27)': 'local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(27)',
  'fib(27), global': 'function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(27)',
  'loop of 10 M sums': 'local s = 0 for i = 1, 10000000 do s = s + i end return s',
  'loop of 3 M, branches':
    'local i, s = 0, 0 while i < 3000000 do i = i + 1 if i % 3 == 0 then s = s + i else s = s - 1 end end return s',
  'strings built':
    'local t = {} for i = 1, 200000 do t[#t + 1] = "k" .. i .. ":" .. (i * 2) end return #table.concat(t, ",")',
  'table.insert, 500 k': 'local t = {} for i = 1, 500000 do table.insert(t, i) end return #t',
  'fields, 2 M': 'local o = {x = 1, y = 2, z = 3} for i = 1, 2000000 do o.x = o.x + o.y o.z = o.x - 1 end return o.x',
  'objects, 200 k':
    'local l = {} for i = 1, 200000 do l[i] = {id = i, name = "n" .. i} end local s = 0 for _, o in ipairs(l) do s = s + o.id end return s',
  'methods, 2 M':
    'local C = {} C.__index = C function C:inc(n) self.v = self.v + n end local o = setmetatable({v = 0}, C) for i = 1, 2000000 do o:inc(1) end return o.v',
  'sort of 100 k':
    'local t, x = {}, 7 for i = 1, 100000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t) return t[1]',
  'sort by a function':
    'local t, x = {}, 7 for i = 1, 100000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t, function(a, b) return a > b end) return t[1]',
  'gsub, 100 KB':
    'local s, n = ("hello world "):rep(8000), 0 s:gsub("%w+", function(w) n = n + #w end) s = s:gsub("o", "0") return n + #s',
  'find, 200 k': 'local n = 0 for i = 1, 200000 do n = n + string.find("abc=def;ghi=jkl", "(%w+)=(%w+);") end return n',
  'pcall, 500 k':
    'local s, f = 0, function(a) return a end for i = 1, 500000 do local ok, v = pcall(f, i) s = s + v end return s',
  'coroutine, 100 k yields':
    'local co = coroutine.wrap(function() for i = 1, 100000 do coroutine.yield(i) end end) for i = 1, 100000 do co() end return 1',
  'depth 10000, 10 times':
    'local function d(n) if n == 0 then return 0 end return 1 + d(n - 1) end for i = 1, 10 do d(10000) end return 1',
};

const repeats = 5;

function timeHere(source: string): number {
  const engine = new Engine({ nowMs: () => performance.now() });
  const main = compile(source, '@bench').bind(engine.globals);
  let best = Infinity;
  for (let turn = 0; turn < repeats; turn++) {
    const start = performance.now();
    const run = new Execution(engine, main, []);
    // Slices of 10 ms, as in the server.
    for (
      let end = start + 10;
      run.advance(() => performance.now() < end) === 'suspended';
      end = performance.now() + 10
    );
    if (run.error !== null) throw new Error(String(run.error.value));
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function timePeer(source: string, folder: string): number | null {
  const path = join(folder, 'bench.lua');
  const timed = `local function run() ${source} end local best = 1e9 for i = 1, ${repeats} do local t = os.clock() run() best = math.min(best, os.clock() - t) end print(best * 1000)`;
  writeFileSync(path, timed);
  const { stdout, error } = spawnSync('lua5.1', [path], { encoding: 'utf8' });
  return error === undefined ? Number(stdout) : null;
}

function scriptOf(lines: number): string {
  const kinds = [
    'a = redis.call("get", KEYS[#])',
    'if a then redis.call("set", KEYS[1], ARGV[#] + 1) end',
    'for i = 1, 10 do x = x .. tostring(i) end',
  ];
  const body = Array.from({ length: lines }, (_, at) => kinds[at % 3]!.replace('#', String(at + 1)));
  return `local a, x = nil, ""\n${body.join('\n')}`;
}

function timeCompile(): number {
  const engine = new Engine({ nowMs: () => 0 });
  const source = scriptOf(300);
  let best = Infinity;
  for (let turn = 0; turn < 30; turn++) {
    const start = performance.now();
    compile(`${source}\n-- ${turn}`, '@bench').bind(engine.globals);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function timeStart(): number {
  const engine = new Engine({ nowMs: () => 0 });
  const redis = new LuaTable();
  redis.set(
    'call',
    native((...args) => args.length),
  );
  engine.globals.set('redis', redis);
  engine.protect();
  const main = compile('return redis.call("get", "k")', '@bench').bind(engine.globals);
  const count = 1_000_000;
  let best = Infinity;
  for (let turn = 0; turn < 3; turn++) {
    const start = performance.now();
    for (let at = 0; at < count; at++) new Execution(engine, main, []).advance(() => true);
    best = Math.min(best, performance.now() - start);
  }
  return (best / count) * 1e6;
}

const [wanted = ''] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'kvasir-bench-'));
process.stdout.write(`${''.padEnd(26)}${'here ms'.padStart(10)}${'lua5.1 ms'.padStart(11)}${'ratio'.padStart(8)}\n`);
for (const [name, source] of Object.entries(cases)) {
  if (!name.includes(wanted)) continue;
  const here = timeHere(source);
  const peer = timePeer(source, folder);
  const ratio = peer === null ? '-' : (here / peer).toFixed(2);
  process.stdout.write(
    `${name.padEnd(26)}${here.toFixed(1).padStart(10)}${(peer?.toFixed(1) ?? '-').padStart(11)}${ratio.padStart(8)}\n`,
  );
}
process.stdout.write(
  `compile of 300 lines: ${timeCompile().toFixed(2)} ms; start of a cached script with one host call: ${timeStart().toFixed(0)} ns\n`,
);
rmSync(folder, { recursive: true, force: true });
