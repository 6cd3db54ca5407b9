// about: what a server says of itself, as the program gives it.

export interface About {
  readonly id: string;
  readonly name: string;
  readonly separator: string;
  readonly kind: 'standalone' | 'cluster' | 'sentinel' | 'proxy';
  readonly role: string;
  readonly version: string;
  readonly product: string;
  readonly info: string;
  readonly databases: readonly { index: number; keys: number }[];
  readonly databaseCount: number;
  readonly readOnlyReason?: string;
  /** A flush through the page that can be undone. */
  readonly undo?: { what: string; keys: number; bytes: number; atMs: number; untilMs: number };
}

export function infoText(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
}

export function infoNumber(info: string, name: string): number {
  const text = infoText(info, name);
  return text === undefined || text === '' ? NaN : Number(text);
}

/** Sections with their fields, in the order of INFO. */
export function infoSections(info: string): [string, [string, string][]][] {
  const sections: [string, [string, string][]][] = [];
  for (const line of info.split(/\r?\n/)) {
    if (line.startsWith('# ')) sections.push([line.slice(2), []]);
    const colon = line.indexOf(':');
    if (colon > 0 && !line.startsWith('#')) sections.at(-1)?.[1].push([line.slice(0, colon), line.slice(colon + 1)]);
  }
  return sections;
}
