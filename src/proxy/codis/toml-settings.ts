// toml-settings: reads one of codis's files: known keys with defaults, each value of its default's type, a mistake with its line.
import type { Mistake } from '../config/yml.js';
import { readToml, type TomlValue } from './toml.js';

export type TomlSettings = Readonly<Record<string, TomlValue>>;

/** Milliseconds of '30s', '5m', '1h', '100ms'; NaN for anything else. A bare number is seconds. */
export function durationMs(text: TomlValue): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(String(text));
  if (match === null) return NaN;
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(match[2] ?? 's') as 'ms' | 's' | 'm' | 'h'];
}

/** Bytes of '128kb'; NaN for anything else. */
export function sizeBytes(text: TomlValue): number {
  const match = /^(\d+)(kb|mb|gb|k|m|g|b)?$/i.exec(String(text));
  if (match === null) return NaN;
  return (
    Number(match[1]) *
    { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? 'b')[0]!.toLowerCase() as 'b' | 'k' | 'm' | 'g']
  );
}

const durationForm = /^\d+(?:ms|s|m|h)$/;
const sizeForm = /^\d+[kmg]b$/;

/** Why a value is none for a key with this default; undefined when it is right. */
function mistakeOf(key: string, value: TomlValue, initial: TomlValue): string | undefined {
  const isDuration = typeof initial === 'string' && durationForm.test(initial);
  const isSize = typeof initial === 'string' && sizeForm.test(initial);
  if (typeof value !== typeof initial && !((isDuration || isSize) && typeof value === 'number'))
    return `invalid ${key}: it is a ${typeof initial}`;
  if (isDuration && Number.isNaN(durationMs(value))) return `invalid ${key}: a time such as 30s or 5m`;
  if (isSize && Number.isNaN(sizeBytes(value))) return `invalid ${key}: a size such as 128kb`;
  if (typeof value === 'number' && value < 0) return `invalid ${key}: it cannot be negative`;
  return undefined;
}

/** Reads the whole text; `refuse` says what else is wrong with a value. */
export function readSettings(
  text: string,
  fileName: string,
  defaults: TomlSettings,
  refuse: (key: string, value: TomlValue) => string | undefined,
): { readonly config: TomlSettings; readonly mistakes: readonly Mistake[] } {
  const mistakes: Mistake[] = [];
  const config: Record<string, TomlValue> = { ...defaults };
  for (const [key, { value, line }] of readToml(text, mistakes)) {
    const known = Object.hasOwn(defaults, key) ? defaults[key] : undefined;
    const mistake =
      known === undefined ? `${key} is no key of ${fileName}` : (mistakeOf(key, value, known) ?? refuse(key, value));
    if (mistake === undefined) config[key] = value;
    else mistakes.push({ line, text: mistake });
  }
  return { config, mistakes };
}

/** Why a product's name is none; undefined when it is right. */
export function productMistake(name: TomlValue): string | undefined {
  return /^\w[\w.-]*$/.test(String(name)) ? undefined : `bad product name = ${String(name)}`;
}

/** What --default-config prints. */
export function defaultText(heading: string, defaults: TomlSettings): string {
  const rows = Object.entries(defaults).map(
    ([key, value]) => `${key} = ${typeof value === 'string' ? `"${value}"` : String(value)}\n`,
  );
  return `# ${heading}\n${rows.join('')}`;
}

/** The settings that anybody may read by HTTP: without passwords, from which the keys of the interface follow. */
export function withoutSecrets(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !key.endsWith('_auth')));
}
