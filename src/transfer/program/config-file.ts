// config-file: options of a program out of a YAML file, by the names that the command line has.

import { readFileSync } from 'node:fs';
import { readFlatYaml } from './flat-yaml.js';
import { type Options, type OptionTable, UsageError } from './options.js';

/** Takes over what the file of `--config` says. Options in `others` are for other commands that share the file. */
export function readConfig(words: Options, others: OptionTable = {}): void {
  const path = words.text('config');
  if (path === undefined) return;
  for (const { name, values, line } of readFlatYaml(readFileSync(path, 'utf8'))) {
    const spec = words.table[name];
    if (spec === undefined && name in others) continue;
    if (spec === undefined) throw new UsageError(`${path}, line ${line}: there is no option '${name}'`);
    // The command line says it last.
    if (words.has(name) && spec.kind !== 'list') continue;
    if (spec.kind === 'flag') {
      if (values[0] === 'true' || values[0] === 'yes') words.set(name, undefined);
    } else if (spec.kind === 'list') for (const value of values) words.set(name, value);
    else words.set(name, values[0] ?? '');
  }
}
