// info: the sections of INFO as a table; each part of a server fills its own.
//
// Fields whose names are known are declared once (`declare`), with kind and help; INFO and monitoring read the same declarations.
// Lists that depend on the moment (a line for each command, database or replica) come from a function (`provide`). Either
// is read only when a reply includes the section.

import type { Field, FieldKind, FieldValue } from './field.js';

export type InfoField = readonly [name: string, value: FieldValue];

/** A figure for monitoring. */
export interface Metric {
  readonly section: string;
  readonly name: string;
  readonly kind: FieldKind;
  readonly help: string;
  readonly value: number;
}

/** When a section is shown: without a word, with `all`, or only when it is named. */
type Shown = 'default' | 'all' | 'named';

interface Section {
  readonly name: string;
  readonly title: string;
  readonly shown: Shown;
  readonly declared: Field[];
  /** Lines that come after the declared ones. */
  fields: () => readonly InfoField[];
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
  /** Counts the times that fields were read. */
  private readings = 0;

  /** The result of `compute`, once for all fields that are read together: several fields show parts of one count. */
  shared<Figures>(compute: () => Figures): () => Figures {
    let reading = -1;
    let figures!: Figures;
    return () => {
      if (reading !== this.readings) {
        figures = compute();
        reading = this.readings;
      }
      return figures;
    };
  }

  /** Adds fields to a section; one of a known name takes the place of the other. */
  declare(name: string, fields: readonly Field[]): void {
    const { declared } = this.section(name);
    for (const field of fields) {
      const index = declared.findIndex((known) => known.name === field.name);
      if (index < 0) declared.push(field);
      else declared[index] = field;
    }
  }

  /** Gives a section the lines that come after the declared ones, in place of those that it had. */
  provide(name: string, fields: () => readonly InfoField[]): void {
    this.section(name).fields = fields;
  }

  /** Every declared figure that is a number now. */
  *metrics(): IterableIterator<Metric> {
    this.readings++;
    for (const { name: section, declared } of this.ordered()) {
      for (const { name, kind, help, read } of declared) {
        if (kind === 'text') continue;
        const value = Number(read());
        if (!Number.isNaN(value)) yield { section, name, kind, help, value };
      }
    }
  }

  private section(name: string): Section {
    const known = this.sections.get(name);
    if (known !== undefined) return known;
    const row = layout.find(([each]) => each === name) ?? [name, name[0]!.toUpperCase() + name.slice(1), 'default'];
    const section: Section = { name, title: row[1], shown: row[2], declared: [], fields: () => [] };
    this.sections.set(name, section);
    return section;
  }

  /** The text for these section names, in lower case; the default sections for none. Unknown names give nothing. */
  render(wanted: readonly string[]): string {
    this.readings++;
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
      for (const { name, read } of section.declared) text += `${name}:${read()}\r\n`;
      for (const [name, value] of section.fields()) text += `${name}:${value}\r\n`;
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
