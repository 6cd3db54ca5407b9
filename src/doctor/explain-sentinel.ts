// explain-sentinel: what each line of a sentinel.conf does today, by the reader with which a sentinel starts.
//
// The `sentinel` lines may stand in any order, so they are read in the sentinel's three rounds and told in the file's order. Host
// names are not looked up: a name is right when the file has `resolve-hostnames yes`.

import { accessSync, constants } from 'node:fs';
import { Prng } from '../base/prng.js';
import { quote, splitWords } from '../base/quoting.js';
import { noNames } from '../sentinel/address.js';
import { applyLines, type SentinelLine } from '../sentinel/config-reader.js';
import type { SentinelPort } from '../sentinel/port.js';
import { SentinelState } from '../sentinel/state.js';
import { Config } from '../service/config/config.js';
import { ConfigError } from '../service/config/config-error.js';
import type { Explained, ExplainedLine } from './explained-line.js';
import { explainWords } from './explain-redis.js';
import { sentinelNotes } from './sentinel-notes.js';

/** Nothing is watched while a file is read. */
const silent: SentinelPort = {
  open: () => undefined,
  close: () => undefined,
  send: () => undefined,
  localHost: () => '',
  event: () => undefined,
  log: () => undefined,
  save: () => true,
  runScript: () => undefined,
  masterMoved: () => undefined,
  crash: () => undefined,
};

const scripts = new Set(['notification-script', 'client-reconfig-script']);

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Line {
  readonly place: Omit<ExplainedLine, keyof Explained>;
  /** Undefined when the quotes of the line are not balanced. */
  readonly words: readonly string[] | undefined;
  explained: Explained | undefined;
}

const plain = /^[^\s"'#]+$/;

/** The line as redis-sentinel 7 writes it. */
function currentLine(words: readonly string[]): string {
  const [, name, ...values] = words;
  const now = sentinelNotes[name!.toLowerCase()]?.now ?? name!.toLowerCase();
  return ['sentinel', now, ...values].map((word) => (plain.test(word) ? word : quote(word))).join(' ');
}

function explainSentinelWords(words: readonly string[], warnings: readonly string[]): Explained {
  const name = words[1]!.toLowerCase();
  const note = sentinelNotes[name];
  const remarks = [
    ...warnings,
    ...(scripts.has(name) && !isExecutable(words[3]!) ? [`${words[3]!} cannot be run on this machine`] : []),
  ];
  const texts = [note?.history ?? '', ...remarks, note?.meaning ?? ''];
  const isWarning = note?.now !== undefined || remarks.length > 0;
  return {
    verdict: isWarning ? 'warning' : 'ok',
    meaning: texts.filter((text) => text !== '').join('; '),
    now: note?.isGone === true ? undefined : currentLine(words),
  };
}

function applyRounds(lines: readonly Line[]): void {
  const state = new SentinelState(silent, new Prng(1), noNames);
  for (const round of [0, 1, 2] as const)
    for (const line of lines) {
      const { words, place } = line;
      if (line.explained !== undefined || words?.[0]?.toLowerCase() !== 'sentinel' || words.length < 2) continue;
      const one: SentinelLine = {
        words: words.slice(1),
        place: { source: 'file', path: place.file, lineNumber: place.line, line: place.text },
      };
      try {
        const warnings = applyLines(state, [one], round, () => true);
        // Which round a line belongs to is the reader's affair: after the last one, none has refused it.
        if (round === 2) line.explained = explainSentinelWords(words, warnings);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        line.explained = { verdict: 'error', meaning: error.message.replaceAll('\n', ': '), now: undefined };
      }
    }
}

function explainOther(words: readonly string[] | undefined, config: Config): Explained {
  if (words === undefined)
    return { verdict: 'error', meaning: 'Unbalanced quotes in configuration line', now: undefined };
  if (words[0]!.toLowerCase() === 'sentinel')
    return { verdict: 'error', meaning: "a word is missing after 'sentinel'", now: undefined };
  return explainWords(words, config);
}

export function explainSentinel(file: string, text: string): ExplainedLine[] {
  const config = new Config('/');
  const lines: Line[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const words = splitWords(line);
    lines.push({
      place: { file, line: index + 1, text: line },
      words: words?.length === 0 ? undefined : words,
      explained: undefined,
    });
  }
  applyRounds(lines);
  return lines.map(({ place, words, explained }) => ({ ...place, ...(explained ?? explainOther(words, config)) }));
}
