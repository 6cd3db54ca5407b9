// toml: reads the TOML that codis's files are made of: one `key = value` a line, with strings, numbers and booleans.
import type { Mistake } from '../config/yml.js';

export type TomlValue = string | number | boolean;

export interface TomlEntry {
  readonly value: TomlValue;
  readonly line: number;
}

function readValue(text: string): TomlValue | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(text);
  if (quoted !== null) return quoted[1]!.replace(/\\(.)/g, (_, char: string) => ({ n: '\n', t: '\t' })[char] ?? char);
  const literal = /^'([^']*)'\s*(?:#.*)?$/.exec(text);
  if (literal !== null) return literal[1]!;
  const plain = text.replace(/\s*#.*$/, '');
  if (plain === 'true' || plain === 'false') return plain === 'true';
  if (/^[+-]?\d[\d_]*$/.test(plain)) return Number(plain.replaceAll('_', ''));
  return undefined;
}

/** Reads the whole text; mistakes are added, and what is right is returned. */
export function readToml(text: string, mistakes: Mistake[]): Map<string, TomlEntry> {
  const entries = new Map<string, TomlEntry>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const match = /^([A-Za-z0-9_-]+)\s*=\s*(.*)$/.exec(content);
    if (match === null) {
      mistakes.push({ line, text: `"${content}" is no "key = value"` });
      continue;
    }
    const value = readValue(match[2]!);
    if (value === undefined)
      mistakes.push({
        line,
        text: `the value of ${match[1]} is no string, number, true or false: strings need quotes`,
      });
    else if (entries.has(match[1]!)) mistakes.push({ line, text: `${match[1]} appears twice` });
    else entries.set(match[1]!, { value, line });
  }
  return entries;
}
