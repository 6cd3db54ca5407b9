// latency-spectrum: --latency-dist shows how the latencies of each interval spread, one coloured block a range.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { callReconnecting } from './server-call.js';

const samplePauseMs = 10;
const linesPerLegend = 20;
/** Colours of the 256-colour terminal palette, from none to all. */
const colorPalette = [0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196];
const greyPalette = [0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 249, 251, 253];

/** Upper ends of the ranges in microseconds, each with its letter; the last has no end. */
const ranges: readonly [number, string][] = [
  [10, '.'],
  [125, '-'],
  [250, '*'],
  [500, '#'],
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((ms): [number, string] => [ms * 1000, String(ms)]),
  ...[10, 20, 30, 40, 50, 100, 200, 300, 400, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 60_000].map(
    (ms, index): [number, string] => [ms * 1000, String.fromCharCode(65 + index)],
  ),
  [Infinity, '?'],
];

export async function runLatencySpectrum(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const palette = options.monochrome ? greyPalette : colorPalette;
  const intervalMs = options.intervalMs > 0 ? options.intervalMs : 1000;
  const counts = ranges.map(() => 0);
  let count = 0;
  let lines = 0;
  let startedMs = performance.now();
  for (;;) {
    const sentMs = performance.now();
    await callReconnecting(session, 'PING');
    const latencyMicros = (performance.now() - sentMs) * 1000;
    const range = ranges.findIndex(([end]) => latencyMicros <= end);
    counts[range]!++;
    count++;
    if (performance.now() - startedMs > intervalMs) {
      if (lines++ % linesPerLegend === 0) console.write(legend(palette));
      console.write(renderSpectrum(counts, count, palette));
      console.flush();
      counts.fill(0);
      count = 0;
      startedMs = performance.now();
    }
    await sleep(samplePauseMs);
  }
}

function renderSpectrum(counts: readonly number[], total: number, palette: readonly number[]): string {
  const blocks = counts.map((count, index) => {
    const color = palette[Math.ceil((count / total) * (palette.length - 1))]!;
    return `\x1b[48;5;${color}m${ranges[index]![1]}`;
  });
  return `\x1b[38;5;0m${blocks.join('')}\x1b[0m\n`;
}

function legend(palette: readonly number[]): string {
  const rule = `${'-'.repeat(45)}\n`;
  return (
    rule +
    '. - * #          .01 .125 .25 .5 milliseconds\n' +
    '1,2,3,...,9      from 1 to 9     milliseconds\n' +
    'A,B,C,D,E        10,20,30,40,50  milliseconds\n' +
    'F,G,H,I,J        .1,.2,.3,.4,.5       seconds\n' +
    'K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds\n' +
    `From 0 to 100%: ${palette.map((color) => `\x1b[48;5;${color}m `).join('')}\x1b[0m\n` +
    rule
  );
}
