// latency-monitor: notes events that took longer than latency-monitor-threshold: for each kind the last 160, one a second.

const sampleCount = 160;

export interface LatencySample {
  readonly timeSeconds: number;
  milliseconds: number;
}

export interface LatencyEvent {
  readonly name: string;
  /** Oldest first. */
  readonly samples: LatencySample[];
  milliMax: number;
}

export class LatencyMonitor {
  private readonly events = new Map<string, LatencyEvent>();

  /** The caller has compared with the threshold. */
  add(name: string, milliseconds: number, timeSeconds: number): void {
    let event = this.events.get(name);
    if (event === undefined) {
      event = { name, samples: [], milliMax: 0 };
      this.events.set(name, event);
    }
    if (milliseconds > event.milliMax) event.milliMax = milliseconds;
    const last = event.samples.at(-1);
    if (last?.timeSeconds === timeSeconds) {
      if (milliseconds > last.milliseconds) last.milliseconds = milliseconds;
      return;
    }
    event.samples.push({ timeSeconds, milliseconds });
    if (event.samples.length > sampleCount) event.samples.shift();
  }

  find(name: string): LatencyEvent | undefined {
    return this.events.get(name);
  }

  all(): LatencyEvent[] {
    return [...this.events.values()];
  }

  /** Forgets one kind of event; false when there is none. */
  reset(name: string): boolean {
    return this.events.delete(name);
  }

  resetAll(): number {
    const count = this.events.size;
    this.events.clear();
    return count;
  }
}

const graphColumns = 80;
const graphRows = 4;

/** A picture of an event's samples in text: a bar for each, its age below. */
export function latencyGraph(event: LatencyEvent, nowSeconds: number): string {
  const samples = event.samples.slice(-graphColumns);
  const values = samples.map((sample) => sample.milliseconds);
  const high = Math.max(...values);
  const low = Math.min(...values);
  const title = `${event.name} - high ${high} ms, low ${low} ms (all time high ${event.milliMax} ms)`;
  return (
    [title, '-'.repeat(graphColumns), ...bars(values, low, high), '', ...ageRows(samples, nowSeconds)].join('\n') + '\n'
  );
}

/** Bars from the bottom up: `_`, `o` and `#` are a third of a row each; a full row below the top is `|`. */
function bars(values: readonly number[], low: number, high: number): string[] {
  const steps = graphRows * 3;
  const heights = values.map((value) =>
    high === low ? 1 : 1 + Math.round(((value - low) / (high - low)) * (steps - 1)),
  );
  const rows: string[] = [];
  for (let row = graphRows - 1; row >= 0; row--) {
    rows.push(
      heights
        .map((height) => (height > row * 3 + 3 ? '|' : height <= row * 3 ? ' ' : '_o#'[height - row * 3 - 1]!))
        .join(''),
    );
  }
  return rows;
}

function ageRows(samples: readonly LatencySample[], nowSeconds: number): string[] {
  const ages = samples.map(({ timeSeconds }) => ageText(Math.max(0, nowSeconds - timeSeconds)));
  const longest = Math.max(...ages.map((age) => age.length));
  return Array.from({ length: longest }, (_, row) =>
    ages
      .map((age) => age[row] ?? ' ')
      .join('')
      .trimEnd(),
  );
}

function ageText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86400)}d`;
}

const advice: readonly (readonly [pattern: RegExp, text: string])[] = [
  [
    /^command(-unblocking)?$/,
    'Look into SLOWLOG GET for commands that take long: KEYS, SORT, large ranges, long scripts. Lower slowlog-log-slower-than to see more of them.',
  ],
  [
    /^fast-command$/,
    'Commands that take constant time were slow: the machine is short of CPU, or memory is swapped out. Run kvasir-cli --intrinsic-latency on it.',
  ],
  [/^fork/, 'Snapshots are made in slices here; a value from a fork comes from another server.'],
  [
    /^(aof-fsync-always)$/,
    'appendfsync always waits for the disk at every turn. A faster disk or appendfsync everysec helps.',
  ],
  [
    /^aof-(write|fstat|rename)|^rdb-unlink/,
    'The disk is slow or shared with others. Give the data folder a disk of its own, or set no-appendfsync-on-rewrite.',
  ],
  [/^(expire-cycle|expire-del)$/, 'Many keys expire at the same time. Spread their times to live.'],
  [
    /^eviction-(del|cycle|lazyfree)$/,
    'Keys are evicted all the time: raise maxmemory, or lower maxmemory-eviction-tenacity.',
  ],
  [/^active-defrag-cycle$/, 'Defragmentation takes too long: lower active-defrag-cycle-max.'],
];

/** The report of LATENCY DOCTOR. */
export function latencyReport(events: readonly LatencyEvent[], thresholdMs: number): string {
  if (thresholdMs === 0) {
    return 'Nothing is measured yet: latency monitoring is off. Turn it on with CONFIG SET latency-monitor-threshold <milliseconds>; 100 is a good start.\n';
  }
  if (events.length === 0)
    return `No event took longer than ${thresholdMs} ms since the server was started or LATENCY RESET was called.\n`;
  const lines = [`Events that took longer than ${thresholdMs} ms:`, ''];
  for (const [index, event] of events.entries()) {
    const values = event.samples.map((sample) => sample.milliseconds);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / values.length;
    const span = event.samples.at(-1)!.timeSeconds - event.samples[0]!.timeSeconds;
    const often = values.length > 1 ? `, one every ${(span / (values.length - 1)).toFixed(1)} s` : '';
    lines.push(
      `${index + 1}. ${event.name}: ${values.length} spike${values.length === 1 ? '' : 's'}${often}; mean ${mean.toFixed(0)} ms, mean deviation ${deviation.toFixed(0)} ms, worst ${event.milliMax} ms.`,
    );
  }
  const tips = [
    ...new Set(
      events.flatMap((event) => advice.filter(([pattern]) => pattern.test(event.name)).map(([, text]) => text)),
    ),
  ];
  if (tips.length > 0) lines.push('', 'What may help:', '', ...tips.map((tip) => `- ${tip}`));
  return `${lines.join('\n')}\n`;
}
