// info: the sections of INFO as a table; each part of a server fills its own.
//
// A section is a function that gives fields when it is asked, so that what costs time is only done for those who want it. Later
// parts (persistence, replication, cluster) may replace a section, add one, or give some of its fields.

export type InfoField = readonly [name: string, value: string | number];

/** When a section is shown: without a word, with `all`, or only when it is named. */
type Shown = 'default' | 'all' | 'named';

interface Section {
  readonly name: string;
  readonly title: string;
  readonly shown: Shown;
  fields: () => readonly InfoField[];
  /** Fields of other parts: they replace those of the same name, or come last. */
  readonly amendments: (() => readonly InfoField[])[];
}

const layout: readonly (readonly [name: string, title: string, shown: Shown])[] = [
  ['server', 'Server', 'default'],
  ['clients', 'Clients', 'default'],
  ['memory', 'Memory', 'default'],
  ['persistence', 'Persistence', 'default'],
  ['threads', 'Threads', 'all'],
  ['stats', 'Stats', 'default'],
  ['replication', 'Replication', 'default'],
  ['sentinel', 'Sentinel', 'default'],
  ['cpu', 'CPU', 'default'],
  ['modules', 'Modules', 'default'],
  ['commandstats', 'Commandstats', 'all'],
  ['errorstats', 'Errorstats', 'default'],
  ['latencystats', 'Latencystats', 'all'],
  ['cluster', 'Cluster', 'default'],
  ['keyspace', 'Keyspace', 'default'],
  ['keysizes', 'Keysizes', 'default'],
  ['debug', 'Debug', 'named'],
];

export class Info {
  private readonly sections = new Map<string, Section>();

  /** Gives a section its content, in place of what it had. */
  provide(name: string, fields: () => readonly InfoField[]): void {
    this.section(name).fields = fields;
  }

  /** Gives some fields of a section: in place of those of the same name, or behind the others. */
  amend(name: string, fields: () => readonly InfoField[]): void {
    this.section(name).amendments.push(fields);
  }

  private section(name: string): Section {
    const known = this.sections.get(name);
    if (known !== undefined) return known;
    const row = layout.find(([each]) => each === name) ?? [name, name[0]!.toUpperCase() + name.slice(1), 'default'];
    const section: Section = { name, title: row[1], shown: row[2], fields: () => [], amendments: [] };
    this.sections.set(name, section);
    return section;
  }

  /** The text for these section names, in lower case; the default sections for none. Unknown names give nothing. */
  render(wanted: readonly string[]): string {
    const names = new Set(wanted);
    const all = names.has('all') || names.has('everything');
    const byDefault = names.size === 0 || names.has('default');
    const parts: string[] = [];
    for (const section of this.ordered()) {
      if (
        !(all && section.shown !== 'named') &&
        !(byDefault && section.shown === 'default') &&
        !names.has(section.name)
      )
        continue;
      let text = `# ${section.title}\r\n`;
      for (const [field, value] of fieldsOf(section)) text += `${field}:${value}\r\n`;
      parts.push(text);
    }
    return parts.join('\r\n');
  }

  private ordered(): Section[] {
    const place = (name: string): number => {
      const index = layout.findIndex(([each]) => each === name);
      return index < 0 ? layout.length : index;
    };
    return [...this.sections.values()].sort((a, b) => place(a.name) - place(b.name));
  }
}

function fieldsOf(section: Section): Iterable<InfoField> {
  if (section.amendments.length === 0) return section.fields();
  const fields = new Map<string, string | number>(section.fields());
  for (const amendment of section.amendments) for (const [name, value] of amendment()) fields.set(name, value);
  return fields;
}

/** A size as INFO shows it beside the bytes: 1.23M. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let unit = 0;
  let value = bytes / 1024;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(2)}${'KMGTP'[unit]!}`;
}
