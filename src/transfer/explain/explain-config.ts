// explain-config: what each line of a redis.conf does today: `kvasir-server --explain-config FILE...`.
//
// It stands on the tables with which the server reads its files, so it says what a start would do. With --json each line is an object;
// `now` is the line as a current file would have it, and --convert prints only those.

import { readFileSync } from 'node:fs';
import { nearestWord } from '../../base/nearest-word.js';
import { quote, splitWords } from '../../base/quoting.js';
import { Config } from '../../service/config/config.js';
import { foreignNames, judgeForeignLine } from '../../service/config/foreign-directives.js';
import { repairValue, splitDirectives } from '../../service/config/value-repairs.js';

export interface ExplainedLine {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  readonly verdict: 'ok' | 'warning' | 'error';
  /** What it does, or why it does not. */
  readonly meaning: string;
  /** The line in a current file; undefined when there is none. */
  readonly now: string | undefined;
}

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

type Explained = Pick<ExplainedLine, 'verdict' | 'meaning' | 'now'>;

function explainWords(words: readonly string[], config: Config): Explained {
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

export function explainText(file: string, text: string): ExplainedLine[] {
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

/** The program: returns its exit code, 1 when a start would fail. */
export function explainConfig(words: readonly string[], print: (text: string) => void): number {
  const files = words.filter((word) => !word.startsWith('--'));
  const unknown = words.find(
    (word) => word.startsWith('--') && !['--json', '--convert', '--strict-config'].includes(word),
  );
  if (files.length === 0 || unknown !== undefined) {
    print('Usage: kvasir-server --explain-config FILE... [--json | --convert] [--strict-config]\n');
    return 2;
  }
  const isStrict = words.includes('--strict-config');
  let status = 0;
  for (const file of files) {
    let text: string;
    try {
      text = readFileSync(file, 'latin1').replace(/^\xef\xbb\xbf/, '');
    } catch (error) {
      print(`${file}: ${error instanceof Error ? error.message : String(error)}\n`);
      status = 1;
      continue;
    }
    for (const one of explainText(file, text)) {
      if (one.verdict === 'error' || (isStrict && one.verdict === 'warning')) status = 1;
      if (words.includes('--json')) print(`${JSON.stringify(one)}\n`);
      else if (words.includes('--convert'))
        print(one.now === undefined ? `# ${one.text}: ${one.meaning}\n` : `${one.now}\n`);
      else print(`${file}:${one.line}: ${one.verdict.padEnd(7)} ${one.text}\n    ${one.meaning}\n`);
    }
  }
  return status;
}
