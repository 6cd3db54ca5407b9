// explain-redis: what each line of a redis.conf does today, by the tables with which the server reads it.

import { nearestWord } from '../base/nearest-word.js';
import { quote, splitWords } from '../base/quoting.js';
import { Config } from '../service/config/config.js';
import { foreignNames, judgeForeignLine } from '../service/config/foreign-directives.js';
import { repairValue, splitDirectives } from '../service/config/value-repairs.js';
import type { Explained, ExplainedLine } from './explained-line.js';

/** Directives that are read line by line and have no setting. */
const others: Readonly<Record<string, string>> = {
  include: 'reads another file here',
  'rename-command': 'gives a command another name, or takes it away',
  user: 'declares an ACL user',
  loadmodule: 'loads a module: modules are native code and are refused',
  sentinel: 'belongs to sentinel.conf: kvasir-sentinel reads it',
};

const plain = /^[^\s"'#]+$/;

function lineOf(name: string, values: readonly string[]): string {
  return [name, ...values.map((value) => (plain.test(value) ? value : quote(value)))].join(' ');
}

/** Explains a line that was split into words; `config` takes its value. */
export function explainWords(words: readonly string[], config: Config): Explained {
  const name = words[0]!.toLowerCase();
  const given = words.slice(1);
  const setting = config.find(name);
  if (setting === undefined) return explainOther(name, given, config);
  const { option } = setting;
  const repair = repairValue(option.name, given);
  const values = repair?.words ?? given;
  const isSplit = option.multiple === true && values.length === 1 && values[0] !== '';
  const taken = isSplit ? splitWords(values[0]!) : values;
  const reason =
    taken === undefined
      ? 'Unbalanced quotes in configuration line'
      : option.multiple !== true && taken.length !== 1
        ? 'wrong number of arguments'
        : setting.assign(taken, true);
  if (reason !== undefined) return { verdict: 'error', meaning: `${name}: ${reason}`, now: undefined };
  const isRenamed = option.name !== name;
  const notes = [
    ...(repair === undefined ? [] : [`${name} ${repair.text}`]),
    ...(isRenamed ? [`${name} is now called ${option.name}`] : []),
    option.summary,
  ];
  return {
    verdict: repair === undefined ? 'ok' : 'warning',
    meaning: notes.join('; '),
    now: lineOf(option.name, values),
  };
}

function explainOther(name: string, values: readonly string[], config: Config): Explained {
  const other = Object.hasOwn(others, name) ? others[name] : undefined;
  if (other !== undefined) return { verdict: 'ok', meaning: other, now: lineOf(name, values) };
  const verdict = judgeForeignLine(name, values);
  if (verdict === undefined) {
    const near = nearestWord(name, [...config.names(), ...Object.keys(others), ...foreignNames()]);
    const hint = near === undefined ? '' : `; the nearest is '${near}'`;
    return { verdict: 'error', meaning: `there is no directive '${name}'${hint}`, now: undefined };
  }
  if (verdict.kind === 'error') return { verdict: 'error', meaning: verdict.text, now: undefined };
  if (verdict.now === undefined) return { verdict: 'warning', meaning: verdict.text, now: undefined };
  const refused = explainWords([verdict.now, ...values], config);
  if (refused.verdict === 'error') return refused;
  return { verdict: 'warning', meaning: verdict.text, now: refused.now };
}

export function explainRedis(file: string, text: string): ExplainedLine[] {
  const config = new Config('/');
  const mayShare = (word: string): boolean =>
    !word.includes('.') &&
    (config.find(word) !== undefined || word === 'include' || judgeForeignLine(word, []) !== undefined);
  const explained: ExplainedLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const place = { file, line: index + 1, text: line };
    const words = splitWords(line);
    if (words === undefined || words.length === 0) {
      explained.push({
        ...place,
        verdict: 'error',
        meaning: 'Unbalanced quotes in configuration line',
        now: undefined,
      });
      continue;
    }
    const several = splitDirectives(line, mayShare);
    for (const one of several ?? [words]) {
      const found = explainWords(one, config);
      const isShared = several !== undefined && found.verdict === 'ok';
      const note = isShared ? 'stands with something else on its line; write it on a line of its own; ' : '';
      explained.push({
        ...place,
        ...found,
        ...(isShared ? { verdict: 'warning' as const, meaning: note + found.meaning } : {}),
      });
    }
  }
  return explained;
}
