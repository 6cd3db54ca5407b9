// report: the results of a test in redis-benchmark's three formats, to the letter.
import type { Options } from './options.js';
import type { TestResult } from './test-result.js';

export interface ServerConfig {
  save: string;
  appendonly: string;
}

/** The server or servers of a report. */
export interface ReportContext {
  /** Undefined where CONFIG could not be read; one entry for each master of a cluster. */
  configs: (ServerConfig | undefined)[];
  /** Bytes of the payload that is reported: of the value, or of the whole command where one was given. */
  payloadBytes: number;
}

export const csvHeader =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"\n';

/** As printf's %.Nf prints a double, with its names for what is no number. */
export function formatFixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return '-nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return value.toFixed(digits);
}

export function requestsPerSecond(result: TestResult): number {
  return result.finished / (result.elapsedMs / 1000);
}

/** avg, min, p50, p95, p99, max in milliseconds. */
export function latencySummary({ histogram }: TestResult): number[] {
  const percentiles = [50, 95, 99].map((percentile) => histogram.valueAtPercentile(percentile));
  return [histogram.mean, histogram.min, ...percentiles, histogram.max].map((us) => us / 1000);
}

export function quietReport(result: TestResult): string {
  const p50 = result.histogram.valueAtPercentile(50) / 1000;
  return `${result.title}: ${formatFixed(requestsPerSecond(result), 2)} requests per second, p50=${formatFixed(p50, 3)} msec\n`;
}

export function csvReport(result: TestResult): string {
  const fields = [formatFixed(requestsPerSecond(result), 2), ...latencySummary(result).map((ms) => formatFixed(ms, 3))];
  return `"${result.title}",${fields.map((field) => `"${field}"`).join(',')}\n`;
}

export function fullReport(result: TestResult, options: Options, context: ReportContext): string {
  const { histogram } = result;
  const total = histogram.totalCount;
  const lines = [
    `====== ${result.title} ======`,
    `  ${result.finished} requests completed in ${(result.elapsedMs / 1000).toFixed(2)} seconds`,
    `  ${options.clients} parallel clients`,
    `  ${context.payloadBytes} bytes payload`,
    `  keep alive: ${options.keepAlive ? 1 : 0}`,
    ...configLines(options, context),
    `  multi-thread: ${options.threads > 0 ? 'yes' : 'no'}`,
  ];
  if (options.threads > 0) lines.push(`  threads: ${options.threads}`);
  if (options.rate > 0)
    lines.push(`  open loop: ${options.rate} requests per second asked for, latency from the scheduled time`);
  const stepLines = (steps: { percentile: number; value: number; cumulativeCount: number }[]): string[] => {
    let before = -1;
    return steps.flatMap(({ percentile, value, cumulativeCount }) => {
      const isNews = cumulativeCount !== before || cumulativeCount === total;
      before = cumulativeCount;
      const ms = formatFixed(value / 1000, 3);
      return isNews ? [`${percentile.toFixed(3)}% <= ${ms} milliseconds (cumulative count ${cumulativeCount})`] : [];
    });
  };
  lines.push('', 'Latency by percentile distribution:', ...stepLines(histogram.percentileSteps()));
  lines.push('', 'Cumulative distribution of latencies:', ...stepLines(histogram.linearSteps()));
  const column = (text: string): string => text.padStart(9);
  lines.push(
    '',
    'Summary:',
    `  throughput summary: ${formatFixed(requestsPerSecond(result), 2)} requests per second`,
    '  latency summary (msec):',
    `    ${['avg', 'min', 'p50', 'p95', 'p99', 'max'].map(column).join(' ')}`,
    `    ${latencySummary(result)
      .map((ms) => column(formatFixed(ms, 3)))
      .join(' ')}`,
  );
  return `${lines.join('\n')}\n`;
}

function configLines(options: Options, context: ReportContext): string[] {
  if (!options.isCluster) {
    const [config] = context.configs;
    if (config === undefined) return [];
    return [`  host configuration "save": ${config.save}`, `  host configuration "appendonly": ${config.appendonly}`];
  }
  const lines = [`  cluster mode: yes (${context.configs.length} masters)`];
  context.configs.forEach((config, index) => {
    if (config === undefined) return;
    lines.push(
      `  node [${index}] configuration:`,
      `    save: ${config.save || 'NONE'}`,
      `    appendonly: ${config.appendonly}`,
    );
  });
  return lines;
}
