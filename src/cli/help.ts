// help: the answers to "help", "help @group" and "help command".
import { KVASIR_VERSION } from '../base/version.js';
import type { Console } from './console.js';
import { renderArguments } from './hints/syntax.js';
import type { CommandHints } from './hints/command-docs.js';
import { loadCommandHints } from './hints/command-hints.js';
import type { CommandDoc } from './hints/command-docs.js';
import type { Session } from './session.js';

/** `hints`: what is known already; otherwise the server is asked when it is needed. */
export async function printHelp(session: Session, words: readonly string[], hints?: CommandHints): Promise<void> {
  const { console } = session;
  const [first] = words;
  if (first === undefined) {
    printOverview(console);
    return;
  }
  if (hints === undefined && session.connection === undefined) await session.connect(true);
  const { commands } = hints ?? (await loadCommandHints(session));
  const isGroup = first.startsWith('@');
  const group = first.slice(1).toLowerCase();
  const found = commands.filter((command) =>
    isGroup
      ? command.group.toLowerCase() === group
      : words.every((word, at) => word.toUpperCase() === command.words[at]),
  );
  for (const command of found) printCommand(console, command, !isGroup);
  if (found.length === 0)
    console.write(
      `\r\n  There is no ${isGroup ? 'group' : 'command'} '${words.join(' ')}'; "help" lists how to ask.\r\n`,
    );
  console.write('\r\n');
}

function printCommand(console: Console, command: CommandDoc, withGroup: boolean): void {
  // Redis's own client colours this in pipes too; only a terminal that wants no colours gets none.
  const style = (code: string, text: string): string =>
    console.stdoutTerminal && !console.colors ? text : `\x1b[${code}m${text}\x1b[0m`;
  console.write(`\r\n  ${style('1', command.name)} ${style('90', renderArguments(command.args))}\r\n`);
  console.write(`  ${style('33', 'summary:')} ${command.summary}\r\n`);
  if (command.since !== undefined) console.write(`  ${style('33', 'since:')} ${command.since}\r\n`);
  if (withGroup) console.write(`  ${style('33', 'group:')} ${command.group}\r\n`);
}

function printOverview(console: Console): void {
  console.print(
    `kvasir-cli ${KVASIR_VERSION}\n` +
      'Help on commands:\n' +
      '      "help <command>"      what a command does and how it is written\n' +
      '      "help @<group>"       the commands of a group\n' +
      '      "help <tab>"          all topics\n' +
      '      "quit"                leave\n' +
      '\n' +
      'Preferences, for this session or in ~/.redisclirc:\n' +
      '      ":set hints"          show the syntax while you type (":set nohints": do not)\n' +
      '      ":set pager"          stop long replies at each page (":set nopager": do not)\n',
  );
}
