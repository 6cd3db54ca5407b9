// info-text: reads the reply of INFO (sections of `name:value` lines) of a server that is not trusted.
//
// The text may be torn, huge or made up: lines that INFO does not have are left out, a name counts only once, and
// everything has a bound.
// Nothing here throws.

/** Longer texts are cut: INFO of a server with ten thousand replicas and databases is shorter. */
const TEXT_LENGTH_MAX = 4 << 20;
const LINE_LENGTH_MAX = 8192;
const FIELD_COUNT_MAX = 50_000;

export interface InfoText {
  /** Every field by its name; of two lines with the same name the first. */
  readonly fields: ReadonlyMap<string, string>;
  /** The fields of each section, by the section's title in lower case. */
  readonly sections: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** The lines of a proxy's section Pools in their order. A pool may have the name that another one's server has in it. */
  readonly pools: readonly (readonly [name: string, value: string])[];
}

export function parseInfoText(text: string): InfoText {
  const fields = new Map<string, string>();
  const sections = new Map<string, Map<string, string>>();
  const pools: [string, string][] = [];
  let section: Map<string, string> | undefined;
  let start = 0;
  const end = Math.min(text.length, TEXT_LENGTH_MAX);
  while (start < end && fields.size < FIELD_COUNT_MAX) {
    const found = text.indexOf('\n', start);
    const stop = found < 0 ? end : Math.min(found, end);
    const length = stop - start;
    if (length > 0 && length <= LINE_LENGTH_MAX) {
      const line = text.slice(start, text.charCodeAt(stop - 1) === 13 ? stop - 1 : stop);
      if (line.startsWith('# ')) {
        const name = line.slice(2).trim().toLowerCase();
        section = sections.get(name);
        if (section === undefined) sections.set(name, (section = new Map()));
      } else {
        const colon = line.indexOf(':');
        if (colon > 0) {
          const name = line.slice(0, colon);
          const value = line.slice(colon + 1);
          if (!fields.has(name)) fields.set(name, value);
          if (section !== undefined && !section.has(name)) section.set(name, value);
          if (section !== undefined && section === sections.get('pools') && pools.length < FIELD_COUNT_MAX)
            pools.push([name, value]);
        }
      }
    }
    start = stop + 1;
  }
  return { fields, sections, pools };
}

const decimal = /^[-+]?\d{1,20}(?:\.\d{1,20})?(?:e[-+]?\d{1,3})?%?$/i;

/** A number as INFO writes it, a percentage too; undefined for anything else. */
export function infoNumber(value: string | undefined): number | undefined {
  if (value === undefined || !decimal.test(value)) return undefined;
  const number = Number(value.endsWith('%') ? value.slice(0, -1) : value);
  return Number.isFinite(number) ? number : undefined;
}

/** The parts of `a=1,b=2`; parts without `=` are left out. */
export function infoPairs(value: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const part of value.split(',', 64)) {
    const equals = part.indexOf('=');
    if (equals > 0) pairs.set(part.slice(0, equals), part.slice(equals + 1));
  }
  return pairs;
}
