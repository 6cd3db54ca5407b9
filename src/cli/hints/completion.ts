// completion: what the word at the cursor may become: a command, a subcommand, a keyword or a key.
import { quote, splitWords } from '../../base/quoting.js';
import { isAggregate, isError, replyText } from '../../client/reply.js';
import type { Session } from '../session.js';
import { leadingTokens } from './syntax.js';
import type { CommandHints } from './command-docs.js';
import { matchLine } from './command-hints.js';

const scanCount = 1000;
const scanStepsMax = 20;
const keysMax = 200;
const scanMsMax = 300;

/** The type of keys that a group of commands takes; other groups take any. */
const keyTypes: Readonly<Record<string, string>> = {
  string: 'string',
  bitmap: 'string',
  hyperloglog: 'string',
  list: 'list',
  set: 'set',
  hash: 'hash',
  'sorted-set': 'zset',
  geo: 'zset',
  stream: 'stream',
};

export interface Completion {
  /** Where in the line the word begins that is replaced. */
  readonly start: number;
  /** The candidates, sorted. */
  readonly candidates: readonly string[];
}

/** `line`: what stands before the cursor, one character per byte. */
export async function complete(session: Session, hints: CommandHints, line: string): Promise<Completion> {
  const start = line.length - /\S*$/.exec(line)![0].length;
  const typed = line.slice(start);
  const words = splitWords(line.slice(0, start)) ?? [];
  if (words[0]?.toLowerCase() === 'help') return { start, candidates: completeHelp(hints, words.slice(1), typed) };
  const candidates = new Set<string>(completeName(hints, words, typed));
  const match = words.length === 0 ? undefined : matchLine(hints, words);
  for (const arg of match?.next ?? []) {
    for (const token of leadingTokens(arg)) if (startsWith(token, typed)) candidates.add(inCaseOf(typed, words, token));
  }
  if (match?.next.some((arg) => arg.type === 'key' && arg.token === undefined) === true) {
    for (const key of await findKeys(session, typed, keyTypes[match.command.group])) candidates.add(key);
  }
  return { start, candidates: [...candidates].sort() };
}

/** Names of commands, or of the subcommands of the command before. */
function completeName(hints: CommandHints, words: readonly string[], typed: string): string[] {
  const names = new Set<string>();
  for (const command of hints.commands) {
    const next = command.words[words.length];
    if (next === undefined || !startsWith(next, typed)) continue;
    if (words.every((word, index) => word.toUpperCase() === command.words[index]))
      names.add(inCaseOf(typed, words, next));
  }
  return [...names];
}

function completeHelp(hints: CommandHints, words: readonly string[], typed: string): string[] {
  const groups =
    words.length > 0
      ? []
      : [...new Set(hints.commands.map(({ group }) => `@${group}`))].filter((group) => group !== '@');
  return [...completeName(hints, words, typed), ...groups.filter((group) => startsWith(group, typed))].sort();
}

function startsWith(whole: string, typed: string): boolean {
  return whole.slice(0, typed.length).toUpperCase() === typed.toUpperCase();
}

/** In small letters for people who type small letters. */
function inCaseOf(typed: string, words: readonly string[], word: string): string {
  const model = typed === '' ? (words[0] ?? '') : typed;
  return /[a-z]/.test(model) ? word.toLowerCase() : word;
}

/** Keys that begin so; a bounded look, so that a huge database does not hold up the prompt. */
async function findKeys(session: Session, typed: string, type?: string): Promise<string[]> {
  const plain = typed.startsWith('"') ? (splitWords(`${typed}"`)?.[0] ?? '') : typed;
  const pattern = `${plain.replace(/[\\*?[\]]/g, '\\$&')}*`;
  const keys: string[] = [];
  const endMs = performance.now() + scanMsMax;
  let cursor = '0';
  for (let step = 0; step < scanStepsMax && keys.length < keysMax && performance.now() < endMs; step++) {
    const reply = await session.callInBackground(
      'SCAN',
      cursor,
      'MATCH',
      Buffer.from(pattern, 'latin1'),
      'COUNT',
      String(scanCount),
      ...(type === undefined ? [] : ['TYPE', type]),
    );
    // Servers before 6.0 do not know TYPE.
    if (type !== undefined && reply !== undefined && isError(reply)) return findKeys(session, typed);
    if (reply === undefined || !isAggregate(reply)) break;
    const [next, found] = reply.elements;
    for (const key of found !== undefined && isAggregate(found) ? found.elements : []) {
      const text = replyText(key);
      keys.push(
        /^[\x21\x23-\x26\x28-\x5b\x5d-\x7e\x80-\xff]+$/.test(text) && !typed.startsWith('"') ? text : quote(text),
      );
    }
    cursor = replyText(next);
    if (cursor === '0') break;
  }
  return keys.slice(0, keysMax);
}
