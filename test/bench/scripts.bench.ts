// scripts: Lua beside redis-server: EVALSHA of a script with one call, arithmetic, recursion, and how long a script takes to compile.
//
// Times of single scripts are those of their replies, as a client waits for them.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { median } from '../../src/bench/versus.js';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText } from '../../src/client/reply.js';
import { measureConstructs } from './constructs.bench.js';
import { log, marked, type Section } from './report.js';
import { type BenchServer, cpuSeconds, kinds, type ServerKind, startServer } from './servers.js';

const execute = promisify(execFile);

const oneCall = "return redis.call('set', KEYS[1], ARGV[1])";
const loop = 'local s = 0 for i = 1, 10000000 do s = s + i end return s';
const fibonacci = 'local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end return fib(27)';

const compileGoalMs = 5;
/** Lines of the script that is compiled, and how many such scripts come after the first. */
const LINES = 300;
const SCRIPTS = 20;
const LINES_OF_PART = 16;
/** How long a server is left alone before its first script. */
const IDLE_MS = 1000;

interface Figures {
  /** Requests a second and microseconds of the server's time for each, at pipelines 1 and 16. */
  readonly rates: Record<number, number[]>;
  readonly micros: Record<number, number[]>;
  readonly loopMs: number[];
  readonly fibonacciMs: number[];
  readonly firstMs: number[];
  readonly compileMs: number[];
  /** Processor time of the server for each script after the first. */
  readonly compileCpuMs: number[];
}

/** A script as programs have them, other than any before it also in its text for V8: functions, branches, tables, calls. */
export function longScript(number: number): string {
  const lines = [`local total${number}, seen = 0, {}`];
  for (let part = 0; lines.length + LINES_OF_PART < LINES; part++) {
    lines.push(
      `local function step${part}_${number}(key, value, limit)`,
      `  local current = tonumber(redis.call('get', key .. ':${part}-${number}') or '0')`,
      `  if current + value > limit then`,
      `    seen[#seen + 1] = { key = key, at = ${part}, over = current + value - limit }`,
      `    return nil, 'limit of ' .. limit .. ' reached'`,
      `  elseif value < 0 and not seen[key] then`,
      `    for i = 1, #ARGV do`,
      `      if ARGV[i] == key or string.sub(ARGV[i], 1, 3) == 'no:' then return false end`,
      `    end`,
      `  end`,
      `  redis.call('hincrby', key, 'field${part}', value * ${part + 1})`,
      `  local fields = redis.call('hmget', key, 'a', 'b', "c${part}")`,
      `  seen[key] = fields[1] or (fields[2] and fields[2] .. '!') or ${part}.5`,
      `  total${number} = total${number} + value % 7`,
      `  return current + value`,
      `end`,
    );
  }
  while (lines.length < LINES - 1) lines.push(`seen.line${lines.length} = total${number}`);
  return [...lines, `return total${number}`].join('\n');
}

async function ask(connection: Connection, ...words: string[]): Promise<string> {
  const reply = await connection.call(...words);
  if (reply.kind === 'error') throw new Error(replyText(reply));
  return isAggregate(reply) ? '' : replyText(reply);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** A fresh server's first long script, and those after it. */
async function measureCompiling(figures: Figures, kind: ServerKind): Promise<void> {
  const server = await startServer(kind);
  try {
    const connection = await Connection.open({ host: '127.0.0.1', port: server.port });
    await sleep(IDLE_MS);
    const times: number[] = [];
    let before = 0;
    for (let number = 0; number <= SCRIPTS; number++) {
      if (number === 1) before = cpuSeconds(server.pid);
      times.push(await timed(() => ask(connection, 'SCRIPT', 'LOAD', longScript(number))));
    }
    figures.compileCpuMs.push(((cpuSeconds(server.pid) - before) / SCRIPTS) * 1000);
    figures.firstMs.push(times[0]!);
    figures.compileMs.push(median(times.slice(1)));
    connection.close();
  } finally {
    await server.stop();
  }
}

async function measureCalls(figures: Figures, server: BenchServer, requests: number): Promise<void> {
  const connection = await Connection.open({ host: '127.0.0.1', port: server.port });
  const digest = await ask(connection, 'SCRIPT', 'LOAD', oneCall);
  for (const pipeline of [1, 16]) {
    const count = requests * (pipeline === 1 ? 1 : 10);
    const before = cpuSeconds(server.pid);
    const { stdout } = await execute('redis-benchmark', [
      '-p',
      String(server.port),
      '-n',
      String(count),
      '-P',
      String(pipeline),
      '-c',
      '50',
      '-r',
      '100000',
      '--csv',
      'evalsha',
      digest,
      '1',
      'key:__rand_int__',
      'value',
    ]);
    figures.micros[pipeline]!.push(((cpuSeconds(server.pid) - before) / count) * 1e6);
    const rows = [...stdout.matchAll(/^"[^"]*evalsha[^"]*","([\d.]+|inf)"/gm)];
    figures.rates[pipeline]!.push(Number(rows.at(-1)![1]));
  }
  figures.loopMs.push(await timed(() => ask(connection, 'EVAL', loop, '0')));
  figures.fibonacciMs.push(await timed(() => ask(connection, 'EVAL', fibonacci, '0')));
  connection.close();
}

export async function measureScripts(rounds: number, requests: number): Promise<Section[]> {
  const empty = (): Figures => ({
    rates: { 1: [], 16: [] },
    micros: { 1: [], 16: [] },
    loopMs: [],
    fibonacciMs: [],
    firstMs: [],
    compileMs: [],
    compileCpuMs: [],
  });
  const figures: Record<ServerKind, Figures> = { redis: empty(), kvasir: empty() };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? kinds : [...kinds].reverse();
    const servers = [];
    try {
      for (const kind of order) servers.push(await startServer(kind));
      for (const server of servers) await measureCalls(figures[server.kind], server, requests);
    } finally {
      for (const server of servers) await server.stop();
    }
    for (const kind of order) await measureCompiling(figures[kind], kind);
    log(`scripts: round ${round + 1} of ${rounds} done`);
  }
  const { redis, kvasir } = figures;
  const row = (
    what: string,
    pick: (of: Figures) => number[],
    goal: number,
    goalIs: 'least' | 'most',
    digits: number,
    absoluteGoal?: number,
  ): string => {
    const [theirs, ours] = [pick(redis), pick(kvasir)];
    const ratio = median(ours.map((value, round) => value / theirs[round]!));
    const shown =
      absoluteGoal === undefined ? median(ours).toFixed(digits) : marked(median(ours), absoluteGoal, 'most', digits);
    return `| ${what} | ${median(theirs).toFixed(digits)} | ${shown} | ${absoluteGoal === undefined ? marked(ratio, goal, goalIs) : ratio.toFixed(2)} |`;
  };
  return [
    {
      title: 'Scripts',
      command: 'npm run bench -- --only scripts',
      lines: [
        '| | redis | kvasir | ratio |',
        '|---|--:|--:|--:|',
        row(
          'EVALSHA with one SET, pipeline 1, thousands a second',
          ({ rates }) => rates[1]!.map((rate) => rate / 1000),
          1,
          'least',
          0,
        ),
        row(
          'EVALSHA with one SET, pipeline 16, thousands a second',
          ({ rates }) => rates[16]!.map((rate) => rate / 1000),
          1,
          'least',
          0,
        ),
        row('processor time of each at pipeline 16, us', ({ micros }) => micros[16]!, 1, 'most', 2),
        row('loop of ten million sums, ms', ({ loopMs }) => loopMs, 1, 'most', 1),
        row('fib(27), recursive, ms', ({ fibonacciMs }) => fibonacciMs, 2, 'most', 1),
        row(`first script of ${LINES} lines of a server, ms`, ({ firstMs }) => firstMs, 0, 'most', 2, compileGoalMs),
        row(`later scripts of ${LINES} lines, ms`, ({ compileMs }) => compileMs, 0, 'most', 2, compileGoalMs),
        row(
          'processor time for each of these, with what V8 does on other threads, ms',
          ({ compileCpuMs }) => compileCpuMs,
          Infinity,
          'most',
          2,
        ),
        '',
        `Medians of ${rounds} rounds. EVALSHA: redis-benchmark, 50 connections, 100,000 keys. A script is compiled by SCRIPT LOAD, each time another text, on a server that was idle for a second before the first.` +
          ` Goals: ratios of at least 1 for throughput, at most 1 for processor time and the loop, at most 2 for fib; ${compileGoalMs} ms to compile.`,
      ],
    },
    await measureConstructs(rounds),
  ];
}
