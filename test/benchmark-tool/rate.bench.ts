// rate.bench: the request rate that kvasir-benchmark reaches against redis-server, next to redis-benchmark's.
//
//   npm run build && node dist/test/benchmark-tool/rate.bench.js [rounds]
//
// Both tools run in turns against the same server; printed is the median of the rounds' ratios. Goal: at least 0.8.
import { median } from '../../src/bench/versus.js';
import { peerMissing, startRedis } from '../peer.js';
import { runKvasir, runRedis } from './run-tool.js';

const rounds = Number(process.argv[2] ?? 5);
const missing = peerMissing('redis-server', 'redis-benchmark');
if (missing !== false) {
  process.stderr.write(`cannot compare: ${missing}\n`);
  process.exit(1);
}
const redis = await startRedis();
process.stdout.write(
  `${'pipeline'.padEnd(10)}${'test'.padEnd(8)}${'redis-benchmark'.padStart(18)}${'kvasir-benchmark'.padStart(18)}${'ratio'.padStart(8)}\n`,
);
for (const [pipeline, requests] of [
  [1, 200_000],
  [16, 1_500_000],
  [100, 3_000_000],
] as const) {
  const rates: Record<string, [number[], number[]]> = {};
  for (let round = 0; round < rounds; round++) {
    const tools = round % 2 === 0 ? [0, 1] : [1, 0];
    for (const tool of tools) {
      const args = [
        '-p',
        String(redis.port),
        '-n',
        String(requests),
        '-P',
        String(pipeline),
        '-t',
        'set,get',
        '--csv',
        '-r',
        '100000',
      ];
      const { out } = await (tool === 0 ? runRedis : runKvasir)(args);
      for (const [, test, rate] of out.matchAll(/^"([A-Z]+)","([\d.]+)"/gm))
        (rates[test!] ??= [[], []])[tool]!.push(Number(rate));
    }
  }
  for (const [test, [theirs, ours]] of Object.entries(rates)) {
    const ratio = median(ours.map((rate, round) => rate / theirs[round]!));
    const columns = [median(theirs), median(ours)].map((rate) => rate.toFixed(0).padStart(18)).join('');
    process.stdout.write(`${String(pipeline).padEnd(10)}${test.padEnd(8)}${columns}${ratio.toFixed(2).padStart(8)}\n`);
  }
}
await redis.stop();
