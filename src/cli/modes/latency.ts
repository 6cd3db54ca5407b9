// latency: --latency and --latency-history measure the round trip of PING, a hundred times a second.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Console } from '../console.js';
import type { CliOptions, OutputFormat } from '../options.js';
import type { Session } from '../session.js';
import { callReconnecting } from './server-call.js';

const samplePauseMs = 10;
const historyIntervalMs = 15_000;

interface Figures {
  min: number;
  max: number;
  total: number;
  count: number;
}

const noFigures = (): Figures => ({ min: 0, max: 0, total: 0, count: 0 });

export async function runLatency(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const historyMs = options.intervalMs > 0 ? options.intervalMs : historyIntervalMs;
  const onceMs = options.intervalMs > 0 ? options.intervalMs : 1000;
  let figures = noFigures();
  let startedMs = performance.now();
  for (;;) {
    const sentMs = performance.now();
    await callReconnecting(session, 'PING');
    const latencyMs = Math.floor(performance.now() - sentMs);
    figures.min = figures.count === 0 ? latencyMs : Math.min(figures.min, latencyMs);
    figures.max = Math.max(figures.max, latencyMs);
    figures.total += latencyMs;
    figures.count++;
    const elapsedMs = performance.now() - startedMs;
    if (options.output === 'standard') console.write(`\x1b[0G\x1b[2K${render(figures, options.output)}`);
    else if (options.latencyHistory) console.write(render(figures, options.output));
    else if (elapsedMs > onceMs) {
      console.write(render(figures, options.output));
      return 0;
    }
    if (options.latencyHistory && elapsedMs > historyMs) {
      console.write(` -- ${(elapsedMs / 1000).toFixed(2)} seconds range\n`);
      figures = noFigures();
      startedMs = performance.now();
    }
    console.flush();
    await sleep(samplePauseMs);
  }
}

function render({ min, max, total, count }: Figures, output: OutputFormat): string {
  const average = (total / count).toFixed(2);
  switch (output) {
    case 'standard':
      return `min: ${min}, max: ${max}, avg: ${average} (${count} samples)`;
    case 'csv':
      return `${min},${max},${average},${count}\n`;
    case 'raw':
      return `${min} ${max} ${average} ${count}\n`;
    default:
      return `{"min": ${min}, "max": ${max}, "avg": ${average}, "count": ${count}}\n`;
  }
}
