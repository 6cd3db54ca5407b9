// versus: the same tests against two servers in turns, and the medians of the rounds side by side.
//
// Turns, because a machine's speed drifts: each round runs both servers back to back and the order changes every round.
// The ratio is the median of the rounds' ratios, so one disturbed round does not move it.
import { EarlyExit } from './options.js';
import type { Options } from './options.js';
import { formatFixed, requestsPerSecond } from './report.js';
import type { Runner } from './runner.js';
import type { BenchmarkTest } from './tests.js';

export interface Comparison {
  title: string;
  rates: [number, number];
  p50Ms: [number, number];
  p99Ms: [number, number];
  rateRatio: number;
  p99Ratio: number;
}

interface Round {
  rate: [number, number];
  p50Ms: [number, number];
  p99Ms: [number, number];
}

export async function compare(
  options: Options,
  tests: BenchmarkTest[],
  first: Runner,
  second: Runner,
): Promise<Comparison[]> {
  const names = [
    options.socketPath ?? `${options.host}:${options.port}`,
    `${options.versus!.host}:${options.versus!.port}`,
  ];
  if (options.isCluster) throw new EarlyExit(1, '', '--vs compares two servers, not clusters\n');
  const comparisons: Comparison[] = [];
  try {
    process.stdout.write(options.isCsv ? csvHead : textHead(options, names));
    for (const test of tests) {
      const rounds: Round[] = [];
      for (let round = 0; round < options.rounds; round++) {
        const figures: Round = { rate: [0, 0], p50Ms: [0, 0], p99Ms: [0, 0] };
        for (const side of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
          const result = await (side === 0 ? first : second).run(test, true);
          figures.rate[side] = requestsPerSecond(result);
          figures.p50Ms[side] = result.histogram.valueAtPercentile(50) / 1000;
          figures.p99Ms[side] = result.histogram.valueAtPercentile(99) / 1000;
        }
        rounds.push(figures);
      }
      const comparison = summarize(test.title, rounds);
      comparisons.push(comparison);
      process.stdout.write(options.isCsv ? csvRow(comparison) : textRow(comparison));
    }
    if (!options.isCsv) process.stdout.write('\n');
  } finally {
    await second.close();
  }
  return comparisons;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function summarize(title: string, rounds: Round[]): Comparison {
  const sides = (pick: (round: Round) => [number, number]): [number, number] => [
    median(rounds.map((round) => pick(round)[0])),
    median(rounds.map((round) => pick(round)[1])),
  ];
  return {
    title,
    rates: sides((round) => round.rate),
    p50Ms: sides((round) => round.p50Ms),
    p99Ms: sides((round) => round.p99Ms),
    rateRatio: median(rounds.map(({ rate }) => rate[1] / rate[0])),
    p99Ratio: median(rounds.map(({ p99Ms }) => p99Ms[1] / p99Ms[0])),
  };
}

const titleWidth = 36;
const csvHead = '"test","rps_a","rps_b","rps_ratio","p50_a_ms","p50_b_ms","p99_a_ms","p99_b_ms","p99_ratio"\n';

function textHead(options: Options, names: string[]): string {
  const head = ['A req/s', 'B req/s', 'B/A', 'A p50', 'B p50', 'A p99', 'B p99', 'B/A'].map((name, index) =>
    name.padStart(widths[index]!),
  );
  return (
    `A: ${names[0]}\nB: ${names[1]}\n${options.rounds} rounds of ${options.requests} requests, ${options.clients} clients, ` +
    `pipeline ${options.pipeline}; medians, latencies in msec\n\n${'test'.padEnd(titleWidth)}${head.join(' ')}\n`
  );
}

const widths = [12, 12, 6, 8, 8, 8, 8, 6];

function fields({ rates, p50Ms, p99Ms, rateRatio, p99Ratio }: Comparison): string[] {
  return [
    formatFixed(rates[0], 2),
    formatFixed(rates[1], 2),
    formatFixed(rateRatio, 2),
    formatFixed(p50Ms[0], 3),
    formatFixed(p50Ms[1], 3),
    formatFixed(p99Ms[0], 3),
    formatFixed(p99Ms[1], 3),
    formatFixed(p99Ratio, 2),
  ];
}

function textRow(comparison: Comparison): string {
  const row = fields(comparison).map((field, index) => field.padStart(widths[index]!));
  return `${comparison.title.padEnd(titleWidth)}${row.join(' ')}\n`;
}

function csvRow(comparison: Comparison): string {
  return `"${comparison.title}",${fields(comparison)
    .map((field) => `"${field}"`)
    .join(',')}\n`;
}
