// flat-yaml: options of a program as a flat map of YAML, lists as `- item` lines or [a, b].
//
//   from: redis://:secret@10.0.0.1:6379
//   match:
//     - user:*
//   rate-bytes: 20mb     # a comment
//
// Nested maps, anchors and several documents are refused with the line's number.

import { UsageError } from './options.js';

export interface YamlOption {
  readonly name: string;
  readonly values: string[];
  readonly line: number;
}

function scalar(text: string, line: number): string {
  const trimmed = text.trim();
  if (trimmed.startsWith('"')) {
    try {
      return String(JSON.parse(/^"(?:[^"\\]|\\.)*"/.exec(trimmed)?.[0] ?? ''));
    } catch {
      throw new UsageError(`line ${line}: the text in quotes does not end`);
    }
  }
  if (trimmed.startsWith("'")) {
    const match = /^'((?:[^']|'')*)'/.exec(trimmed);
    if (match === null) throw new UsageError(`line ${line}: the text in quotes does not end`);
    return match[1]!.replaceAll("''", "'");
  }
  if (/^[&*!|>{]/.test(trimmed)) throw new UsageError(`line ${line}: only plain values, texts in quotes and lists`);
  return trimmed.replace(/\s+#.*$/, '');
}

export function readFlatYaml(text: string): YamlOption[] {
  const options: YamlOption[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    if (/^\s*(#.*)?$/.test(raw) || /^---\s*$/.test(raw)) continue;
    const item = /^\s*-\s+(.*)$/.exec(raw);
    const last = options[options.length - 1];
    if (item !== null) {
      if (last === undefined) throw new UsageError(`line ${line}: an item without a name before it`);
      last.values.push(scalar(item[1]!, line));
      continue;
    }
    const pair = /^([\w-]+):(?:\s+(.*))?$/.exec(raw);
    if (pair === null) throw new UsageError(`line ${line}: write 'option: value'`);
    const value = (pair[2] ?? '').trim();
    const list = /^\[(.*)\]\s*(?:#.*)?$/.exec(value);
    const values =
      list !== null
        ? list[1]!.split(',').map((one) => scalar(one, line))
        : value === '' || value.startsWith('#')
          ? []
          : [scalar(value, line)];
    options.push({ name: pair[1]!, values, line });
  }
  return options;
}
