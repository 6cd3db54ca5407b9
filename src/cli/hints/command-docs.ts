// command-docs: what COMMAND DOCS tells about commands, as plain objects; what a server leaves out or gets wrong is left out.
import { isAggregate, replyText, type Reply } from '../../client/reply.js';

export interface ArgumentDoc {
  /** The name of the value in a hint. */
  readonly name: string;
  /** string, integer, double, key, pattern, unix-time, pure-token, oneof, block. */
  readonly type: string;
  /** The keyword before the value (or instead of one); '' is an empty argument. */
  readonly token: string | undefined;
  readonly optional: boolean;
  readonly multiple: boolean;
  /** The keyword is repeated with each further value. */
  readonly multipleToken: boolean;
  /** Parts of a block, alternatives of a oneof. */
  readonly parts: readonly ArgumentDoc[];
}

export interface CommandDoc {
  /** In capitals: CONFIG SET. */
  readonly name: string;
  readonly words: readonly string[];
  readonly summary: string;
  readonly since: string | undefined;
  readonly group: string;
  readonly args: readonly ArgumentDoc[];
}

/** The commands that the prompt knows. */
export interface CommandHints {
  /** All commands, subcommands as entries of their own, sorted by name. */
  readonly commands: readonly CommandDoc[];
}

const nestingMax = 16;

/** All commands and subcommands of a COMMAND DOCS reply, sorted by name. */
export function readCommandDocs(reply: Reply): CommandDoc[] {
  const docs: CommandDoc[] = [];
  for (const [name, about] of readPairs(reply)) addCommand(docs, name, about);
  return docs.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Names only, from a COMMAND reply, for servers that know no COMMAND DOCS. */
export function readCommandNames(reply: Reply): CommandDoc[] {
  const docs: CommandDoc[] = [];
  for (const entry of isAggregate(reply) ? reply.elements : []) {
    const name = isAggregate(entry) ? replyText(entry.elements[0]).toUpperCase() : '';
    if (name !== '')
      docs.push({ name, words: [name], summary: 'Help not available', since: undefined, group: '', args: [] });
  }
  return docs.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function addCommand(docs: CommandDoc[], rawName: string, reply: Reply): void {
  const about = new Map(readPairs(reply));
  const words = rawName.toUpperCase().split('|');
  const since = about.get('since');
  docs.push({
    name: words.join(' '),
    words,
    summary: replyText(about.get('summary')),
    since: since === undefined ? undefined : replyText(since),
    group: replyText(about.get('group')),
    args: readArguments(about.get('arguments'), 0),
  });
  const subcommands = about.get('subcommands');
  if (subcommands === undefined || words.length > 1) return;
  for (const [name, subcommand] of readPairs(subcommands)) {
    addCommand(docs, name.includes('|') ? name : `${rawName}|${name}`, subcommand);
  }
}

function readArguments(reply: Reply | undefined, depth: number): ArgumentDoc[] {
  if (reply === undefined || !isAggregate(reply) || depth > nestingMax) return [];
  return reply.elements.map((element) => {
    const about = new Map(readPairs(element));
    const flags = about.get('flags');
    const flagNames = flags !== undefined && isAggregate(flags) ? flags.elements.map(replyText) : [];
    const token = about.get('token');
    return {
      name: replyText(about.get('display_text') ?? about.get('name')),
      type: replyText(about.get('type')),
      token: token === undefined ? undefined : replyText(token).replace(/^""$/, ''),
      optional: flagNames.includes('optional'),
      multiple: flagNames.includes('multiple'),
      multipleToken: flagNames.includes('multiple_token'),
      parts: readArguments(about.get('arguments'), depth + 1),
    };
  });
}

/** A map, or in RESP2 a flat array, as pairs. */
function readPairs(reply: Reply): [string, Reply][] {
  if (!isAggregate(reply)) return [];
  const pairs: [string, Reply][] = [];
  for (let index = 0; index + 1 < reply.elements.length; index += 2) {
    pairs.push([replyText(reply.elements[index]), reply.elements[index + 1]!]);
  }
  return pairs;
}
