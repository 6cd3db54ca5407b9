// exposition-parser: reads metrics as Prometheus text 0.0.4 or as OpenMetrics 1.0.0 and refuses what the formats forbid.
//
// Stricter than Prometheus itself: families must not come in pieces, samples must not occur twice, counters must end with `_total`
// and have a value that a counter can have. Written from the format's documents, not from the code that is tested.

export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ParsedSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*/;
const NUMBER = /^(?:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|[+-]Inf|NaN)$/;

/** Parses and checks; throws an Error that names the line. */
export function parseExposition(text: string, format: 'prometheus' | 'openmetrics'): Map<string, ParsedFamily> {
  if (!text.endsWith('\n')) throw new Error('the text does not end with a line feed');
  const lines = text.slice(0, -1).split('\n');
  if (format === 'openmetrics' && lines.pop() !== '# EOF') throw new Error('the text does not end with # EOF');
  const parser = new Parser(format);
  lines.forEach((line, index) => {
    try {
      parser.take(line);
    } catch (error) {
      throw new Error(`line ${index + 1}: ${(error as Error).message}: ${line}`);
    }
  });
  parser.finish();
  return parser.families;
}

class Parser {
  readonly families = new Map<string, ParsedFamily>();
  private readonly seen = new Set<string>();
  private current: { name: string; type?: string; help?: string; samples: ParsedSample[] } | undefined;

  constructor(private readonly format: 'prometheus' | 'openmetrics') {}

  take(line: string): void {
    if (line.includes('\r')) throw new Error('a carriage return');
    if (line === '') throw new Error('an empty line');
    const [, word, name, rest] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (word !== undefined) this.takeMeta(word, name!, rest!);
    else if (line.startsWith('#')) throw new Error('a comment that is neither HELP nor TYPE');
    else this.takeSample(line);
  }

  finish(): void {
    const { current } = this;
    if (current === undefined) return;
    if (current.type === undefined || current.help === undefined) throw new Error(`${current.name} lacks TYPE or HELP`);
    if (current.samples.length === 0) throw new Error(`${current.name} has no samples`);
    if (this.families.has(current.name)) throw new Error(`${current.name} comes in pieces`);
    this.families.set(current.name, current as ParsedFamily);
    this.current = undefined;
  }

  private takeMeta(word: string, name: string, rest: string): void {
    if (NAME.exec(name)?.[0] !== name) throw new Error('no name of a metric');
    if (this.current?.name !== name) {
      this.finish();
      this.current = { name, samples: [] };
    }
    const { current } = this;
    if (current!.samples.length > 0) throw new Error('meta data after samples');
    if (word === 'HELP') {
      if (current!.help !== undefined) throw new Error('a second HELP');
      const escapes = this.format === 'openmetrics' ? /\\(?![\\n"])|(?<!\\)(?:\\\\)*"/ : /\\(?![\\n])/;
      if (escapes.test(rest)) throw new Error('a wrong escape');
      current!.help = rest;
      return;
    }
    if (current!.type !== undefined) throw new Error('a second TYPE');
    if (!['counter', 'gauge', 'summary', 'histogram', 'untyped', 'unknown', 'info', 'stateset'].includes(rest))
      throw new Error('no type');
    current!.type = rest;
  }

  private takeSample(line: string): void {
    const name = NAME.exec(line)?.[0];
    if (name === undefined) throw new Error('no sample');
    let at = name.length;
    const labels: Record<string, string> = {};
    if (line[at] === '{') at = takeLabels(line, at, labels);
    const [, value] = /^ (\S+)$/.exec(line.slice(at)) ?? [];
    if (value === undefined || !NUMBER.test(value)) throw new Error('no value');
    const number = value.endsWith('Inf') ? Number(value.replace('Inf', 'Infinity')) : Number(value);
    const key = `${name}|${JSON.stringify(Object.entries(labels).sort())}`;
    if (this.seen.has(key)) throw new Error('the sample occurs twice');
    this.seen.add(key);
    this.check(name, labels, number);
    this.current!.samples.push({ name, labels, value: number });
  }

  private check(name: string, labels: Readonly<Record<string, string>>, value: number): void {
    const { current, format } = this;
    if (current?.type === undefined) throw new Error('a sample without TYPE');
    const suffix = name.startsWith(current.name) ? name.slice(current.name.length) : undefined;
    if (suffix === undefined) throw new Error(`no sample of ${current.name}`);
    switch (current.type) {
      case 'counter':
        if (format === 'openmetrics' ? suffix !== '_total' : suffix !== '' || !name.endsWith('_total'))
          throw new Error('a counter without _total');
        if (!(value >= 0) || value === Infinity) throw new Error('no value of a counter');
        return;
      case 'summary':
        if (!['', '_sum', '_count'].includes(suffix)) throw new Error('no sample of a summary');
        if ((suffix === '') !== 'quantile' in labels) throw new Error('quantile is missing, or is too much');
        if (
          format === 'openmetrics' &&
          suffix === '' &&
          !(Number(labels.quantile) >= 0 && Number(labels.quantile) <= 1)
        )
          throw new Error('a quantile beyond 0 to 1');
        return;
      default:
        if (suffix !== '') throw new Error(`no sample of ${current.name}`);
    }
  }
}

function takeLabels(line: string, start: number, labels: Record<string, string>): number {
  let at = start + 1;
  for (;;) {
    const name = LABEL.exec(line.slice(at))?.[0];
    if (name === undefined) throw new Error('no label');
    at += name.length;
    if (line.slice(at, at + 2) !== '="') throw new Error('a label without value');
    at += 2;
    let value = '';
    while (line[at] !== '"') {
      if (at >= line.length) throw new Error('a label without end');
      if (line[at] === '\\') {
        const escape = line[at + 1];
        if (escape !== '\\' && escape !== '"' && escape !== 'n') throw new Error('a wrong escape');
        value += escape === 'n' ? '\n' : escape;
        at += 2;
      } else value += line[at++];
    }
    at++;
    if (name in labels) throw new Error('a label occurs twice');
    labels[name] = value;
    if (line[at] === '}') return at + 1;
    if (line[at] !== ',') throw new Error('labels without a comma');
    at++;
  }
}

/** The value of a sample, by its name and some of its labels; undefined when there is none. */
export function valueOf(
  families: ReadonlyMap<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const { samples } of families.values())
    for (const sample of samples)
      if (sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
        return sample.value;
  return undefined;
}

/** Names of all samples. */
export function sampleNames(families: ReadonlyMap<string, ParsedFamily>): Set<string> {
  return new Set([...families.values()].flatMap(({ samples }) => samples.map(({ name }) => name)));
}
