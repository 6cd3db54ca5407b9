// chart: latency over the time of a test as text, one column for each slice of time, latency on a logarithmic scale.
import type { Sample, TestResult } from './test-result.js';

const columnsMax = 60;
const rowCount = 12;

/** Joins neighbouring samples until they fit in `columnsMax`; a joined sample shows the worst of its percentiles. */
export function joinSamples(samples: readonly Sample[], most: number): Sample[] {
  if (samples.length <= most) return [...samples];
  const joined: Sample[] = [];
  for (let column = 0; column < most; column++) {
    const group = samples.slice(
      Math.floor((column * samples.length) / most),
      Math.floor(((column + 1) * samples.length) / most),
    );
    joined.push({
      endMs: group.at(-1)!.endMs,
      requestsPerSecond: group.reduce((sum, sample) => sum + sample.requestsPerSecond, 0) / group.length,
      p50Ms: Math.max(...group.map((sample) => sample.p50Ms)),
      p99Ms: Math.max(...group.map((sample) => sample.p99Ms)),
      maxMs: Math.max(...group.map((sample) => sample.maxMs)),
    });
  }
  return joined;
}

export function renderChart(result: TestResult): string {
  const samples = joinSamples(result.samples, columnsMax);
  if (samples.length === 0) return 'Latency over time: nothing was measured\n';
  const floor = (ms: number): number => Math.max(ms, 0.001);
  const top = Math.log10(Math.max(...samples.map((sample) => floor(sample.maxMs))) * 1.05);
  const bottom = Math.min(top - 0.5, Math.log10(Math.min(...samples.map((sample) => floor(sample.p50Ms))) * 0.95));
  const rowOf = (ms: number): number =>
    Math.round(((Math.log10(floor(ms)) - bottom) / (top - bottom)) * (rowCount - 1));
  const grid = Array.from({ length: rowCount }, () => new Array<string>(samples.length).fill(' '));
  samples.forEach((sample, column) => {
    const marks: [number, string][] = [
      [sample.maxMs, '^'],
      [sample.p99Ms, 'o'],
      [sample.p50Ms, '.'],
    ];
    for (const [ms, mark] of marks) grid[Math.min(rowCount - 1, Math.max(0, rowOf(ms)))]![column] = mark;
  });
  const lines = [`Latency over time: ${result.title} (msec; . p50, o p99, ^ max)`];
  for (let row = rowCount - 1; row >= 0; row--) {
    const ms = 10 ** (bottom + ((top - bottom) * row) / (rowCount - 1));
    lines.push(`${ms.toFixed(3).padStart(10)} |${grid[row]!.join('').trimEnd()}`);
  }
  const seconds = `${(samples.at(-1)!.endMs / 1000).toFixed(1)} s`;
  lines.push(
    `${' '.repeat(11)}+${'-'.repeat(samples.length)}`,
    `${' '.repeat(12)}0${seconds.padStart(Math.max(seconds.length + 1, samples.length - 1))}`,
    '',
  );
  return `${lines.join('\n')}\n`;
}
