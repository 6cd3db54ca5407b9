// exposition: figures as text for Prometheus, in its own format 0.0.4 and as OpenMetrics 1.0.0.
//
// Both have a family (name, kind, help) followed by its samples (labels, value). OpenMetrics is stricter: the name of a counter's
// family lacks the `_total` that its samples have, a summary's quantiles lie between 0 and 1, and the text ends with `# EOF`.
// redis_exporter labels quantiles `50` and `99.9`, which dashboards ask for; as OpenMetrics these are gauges with the same samples.
//
// Sources: prometheus.io/docs/instrumenting/exposition_formats, and the OpenMetrics specification (RFC draft, version 1.0.0).

export type ExpositionFormat = 'prometheus' | 'openmetrics';
export type MetricKind = 'counter' | 'gauge' | 'summary';
export type Labels = Readonly<Record<string, string>>;

export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

interface Family {
  readonly kind: MetricKind;
  readonly help: string;
  /** By the text of name and labels: no sample may occur twice. */
  readonly samples: Map<string, number>;
}

const LABEL_LENGTH_MAX = 1024;

export class Exposition {
  private readonly families = new Map<string, Family>();

  /** Adds a sample; of two with the same name and labels the first counts. A counter's name ends with `_total`. */
  add(name: string, kind: MetricKind, help: string, value: number, labels: Labels = {}, suffix = ''): void {
    let family = this.families.get(name);
    if (family === undefined) this.families.set(name, (family = { kind, help, samples: new Map() }));
    const sample = `${name}${suffix}${labelText(labels)}`;
    if (!family.samples.has(sample)) family.samples.set(sample, value);
  }

  render(format: ExpositionFormat): string {
    const lines: string[] = [];
    for (const [name, family] of this.families) {
      if (format === 'prometheus') renderPlain(name, family, lines);
      else renderOpen(name, family, lines);
    }
    if (format === 'openmetrics') lines.push('# EOF');
    return `${lines.join('\n')}\n`;
  }
}

function renderPlain(name: string, { kind, help, samples }: Family, lines: string[]): void {
  lines.push(`# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}`, `# TYPE ${name} ${kind}`);
  for (const [sample, value] of samples) lines.push(`${sample} ${numberText(value)}`);
}

function renderOpen(name: string, { kind, help, samples }: Family, lines: string[]): void {
  const text = escaped(help);
  if (kind !== 'summary') {
    const family = kind === 'counter' ? name.replace(/_total$/, '') : name;
    lines.push(`# TYPE ${family} ${kind}`, `# HELP ${family} ${text}`);
    for (const [sample, value] of samples) lines.push(`${sample} ${numberText(value)}`);
    return;
  }
  for (const suffix of ['', '_sum', '_count']) {
    const family = `${name}${suffix}`;
    const own = [...samples].filter(([sample]) => sample.startsWith(`${family}{`) || sample === family);
    if (own.length === 0) continue;
    lines.push(`# TYPE ${family} gauge`, `# HELP ${family} ${text}`);
    for (const [sample, value] of own) lines.push(`${sample} ${numberText(value)}`);
  }
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value.slice(0, LABEL_LENGTH_MAX))}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

/** The format that an `Accept` header asks for. */
export function wantedFormat(accept: string): ExpositionFormat {
  return /application\/openmetrics-text/i.test(accept) ? 'openmetrics' : 'prometheus';
}
