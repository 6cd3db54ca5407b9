// command-hints: what the prompt knows about commands, wherever it comes from: the server's COMMAND DOCS, or a table.
import { splitWords } from '../../base/quoting.js';
import { isError } from '../../client/reply.js';
import type { Session } from '../session.js';
import { readCommandDocs, readCommandNames, type CommandDoc, type CommandHints } from './command-docs.js';
import { fallbackHints } from './fallback.js';
import { matchArguments, type SyntaxMatch } from './syntax.js';

export const noHints: CommandHints = { commands: [] };

/** Asks the server. One that cannot tell is described by our own declarations, as far as it knows the commands. */
export async function loadCommandHints(session: Session): Promise<CommandHints> {
  const docs = await session.callInBackground('COMMAND', 'DOCS');
  if (docs !== undefined && !isError(docs)) {
    const commands = readCommandDocs(docs);
    if (commands.length > 0) return { commands };
  }
  const names = await session.callInBackground('COMMAND');
  const known = names === undefined || isError(names) ? undefined : readCommandNames(names);
  const declared = await fallbackHints.load?.();
  if (declared === undefined) return known === undefined ? noHints : { commands: known };
  if (known === undefined) return declared;
  const declaredNames = new Set(declared.commands.map(({ name }) => name));
  const knownNames = new Set(known.map(({ name }) => name));
  const commands = [
    ...declared.commands.filter(({ words }) => knownNames.has(words[0]!)),
    ...known.filter(({ name }) => !declaredNames.has(name)),
  ];
  return { commands: commands.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** The command with the longest name that the words begin with. */
function findCommand(hints: CommandHints, words: readonly string[]): CommandDoc | undefined {
  let best: CommandDoc | undefined;
  for (const command of hints.commands) {
    if (command.words.length > words.length || command.words.length <= (best?.words.length ?? 0)) continue;
    if (command.words.every((word, index) => word === words[index]!.toUpperCase())) best = command;
  }
  return best;
}

export interface LineMatch extends SyntaxMatch {
  readonly command: CommandDoc;
  /** How many of the words are the command's name. */
  readonly nameWords: number;
}

/** The command that the finished words of a line name. */
export function matchLine(hints: CommandHints, words: readonly string[]): LineMatch | undefined {
  const skip = words.length > 1 && /^[1-9]\d*$/.test(words[0]!) ? 1 : 0; // "3 incr x" repeats
  const command = findCommand(hints, words.slice(skip));
  if (command === undefined) return undefined;
  const nameWords = skip + command.words.length;
  const match = matchArguments(command.args, words.slice(nameWords));
  return match === undefined ? undefined : { ...match, command, nameWords };
}

/** The hint for a line as redis-cli gives it: the last word only counts when a space follows. */
export function hintForLine(hints: CommandHints, line: string): string | undefined {
  const words = splitWords(line);
  if (words === undefined) return undefined;
  const finished = /\s$/.test(line) ? words : words.slice(0, -1);
  return matchLine(hints, finished)?.hint;
}

/** The hint to show after the cursor at the end of a line: what follows the word that is being typed. */
export function hintWhileTyping(hints: CommandHints, line: string): string {
  const words = splitWords(line);
  if (words === undefined || words.length === 0) return '';
  if (/\s$/.test(line)) return matchLine(hints, words)?.hint ?? '';
  const complete = matchLine(hints, words);
  const hint = complete?.hint ?? hintForLine(hints, line) ?? '';
  return hint === '' ? '' : ` ${hint}`;
}
