// command-routes: commands of the page and of its console, all of them through the policy, with changes in the audit log.
import type { Connection } from '../../client/connection.js';
import { isError, replyText, type Reply } from '../../client/reply.js';
import { renderArguments } from '../../cli/hints/syntax.js';
import { hintsFromDeclarations } from '../../cli/hints/declared-hints.js';
import { splitBytes } from '../../base/quoting.js';
import { allDeclarations } from '../../server/declarations.js';
import type { CommandDeclaration } from '../../registry/command.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import { withoutSecrets } from '../access/masking.js';
import type { CommandMeaning } from '../access/command-policy.js';
import { atEnd, type Session } from '../access/sessions.js';
import type { Route, Visit } from '../http/route.js';
import { REPLY_MS_MAX } from '../link/server-link.js';
import { consoleBounds, pageBounds, ReplyJson } from '../link/reply-json.js';
import { bytesOfText } from '../text-bytes.js';
import { readDatabase } from './key-routes.js';

const commandsMax = 1000;
const wordsMax = 100_000;
const consolesMax = 10;
const consoleMsMax = 120_000;

export function commandRoutes(admin: AdminContext): Route[] {
  const consoles = new Consoles(admin);
  return [
    { method: 'POST', path: '/api/servers/:id/commands', role: 'viewer', run: (visit) => runCommands(admin, visit) },
    { method: 'POST', path: '/api/servers/:id/console', role: 'viewer', run: (visit) => consoles.run(visit) },
    { method: 'POST', path: '/api/servers/:id/console/close', role: 'viewer', run: (visit) => consoles.close(visit) },
    { method: 'GET', path: '/api/commands', role: 'viewer', run: () => (completions ??= makeCompletions(admin)) },
  ];
}

/** Words of commands; each is a text in the form of text-bytes. */
function readCommands(visit: Visit): Uint8Array[][] {
  return visit.input.list('commands', commandsMax).map((words) => {
    if (
      !Array.isArray(words) ||
      words.length === 0 ||
      words.length > wordsMax ||
      !words.every((word) => typeof word === 'string')
    )
      throw new ApiError('bad-input', 'A command is a list of words.');
    return (words as string[]).map(bytesOfText);
  });
}

async function runCommands(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input } = visit;
  const database = readDatabase(input);
  const link = admin.link(visit, visit.params.id!);
  const confirm = input.optionalText('confirm', 200);
  const commands = readCommands(visit);
  const meanings: CommandMeaning[] = [];
  // All are checked before the first is sent.
  for (const args of commands) meanings.push(await admin.check(visit, link, args, confirm, false));
  const settled = await Promise.allSettled(
    commands.map((args, index) => link.call(database, args, meanings[index]!.keys[0])),
  );
  const json = new ReplyJson(pageBounds);
  const replies: unknown[] = [];
  let failure: Error | undefined;
  for (const [index, outcome] of settled.entries()) {
    const meaning = meanings[index]!;
    const result =
      outcome.status === 'fulfilled' ? resultOf(outcome.value) : `lost: ${(outcome.reason as Error).message}`;
    if (meaning.changes) admin.note(visit, link.entry, meaning, commands[index]!, result);
    if (outcome.status === 'rejected') failure ??= outcome.reason as Error;
    else replies.push(masked(meaning, json.of(outcome.value)));
  }
  if (failure !== undefined) throw failure;
  return { replies };
}

function resultOf(reply: Reply): string {
  return isError(reply) ? replyText(reply) : 'ok';
}

const readsConfig = new Set(['config|get', 'sentinel|config']);

function masked(meaning: CommandMeaning, json: unknown): unknown {
  return readsConfig.has(meaning.name) ? withoutSecrets(json) : json;
}

interface OpenConsole {
  readonly connection: Connection;
  isBusy: boolean;
  /** A transaction has queued what reads the configuration. */
  readsConfig: boolean;
}

interface OpenTab {
  readonly owner: Session;
  readonly console: Promise<OpenConsole>;
  readonly close: () => void;
}

/** Connections of the console's tabs: what they select, watch and queue stays theirs. */
class Consoles {
  private readonly open = new Map<string, OpenTab>();

  constructor(private readonly admin: AdminContext) {}

  async run(visit: Visit): Promise<unknown> {
    const { input } = visit;
    const line = bytesOfText(input.text('line', { max: 1 << 20 }));
    const args = splitBytes(line, 0, line.length);
    if (args === undefined) throw new ApiError('bad-input', 'A quote is not closed.');
    if (args.length === 0) return { reply: null };
    const link = this.admin.link(visit, visit.params.id!);
    const meaning = await this.admin.check(visit, link, args, input.optionalText('confirm', 200), true);
    const about = await link.ask();
    // A command for a key of a cluster goes to the key's node; the connection's state is of no use there.
    if (about.kind === 'cluster' && !meaning.needsConsole) {
      const reply = await link.call(0, args, meaning.keys[0], consoleMsMax);
      return this.finish(visit, meaning, args, reply);
    }
    const console = await this.consoleOf(visit);
    if (console.isBusy) throw new ApiError('conflict', 'The command before is still running.');
    console.isBusy = true;
    const { clock } = this.admin.parts;
    const timer = clock.after(
      meaning.needsConsole ? consoleMsMax : REPLY_MS_MAX,
      () => console.connection.close(),
      true,
    );
    try {
      return this.finish(visit, meaning, args, await console.connection.call(...args), console);
    } catch (error) {
      if (meaning.changes) this.admin.note(visit, link.entry, meaning, args, `lost: ${(error as Error).message}`);
      throw new ApiError(
        'unreachable',
        `${link.name}: ${(error as Error).message}. The next command opens a new connection.`,
      );
    } finally {
      timer.cancel();
      console.isBusy = false;
    }
  }

  close(visit: Visit): unknown {
    this.admin.entry(visit, visit.params.id!);
    const name = this.nameOf(visit);
    this.open.get(name)?.close();
    return {};
  }

  private finish(
    visit: Visit,
    meaning: CommandMeaning,
    args: readonly Uint8Array[],
    reply: Reply,
    console?: OpenConsole,
  ): unknown {
    const entry = this.admin.entry(visit, visit.params.id!);
    if (meaning.changes) this.admin.note(visit, entry, meaning, args, resultOf(reply));
    let json = masked(meaning, new ReplyJson(consoleBounds).of(reply));
    if (console !== undefined) {
      if (json === 'QUEUED' && readsConfig.has(meaning.name)) console.readsConfig = true;
      else if (meaning.name === 'exec' || meaning.name === 'discard') {
        // Which of the replies is the configuration, the page does not count.
        if (console.readsConfig && Array.isArray(json)) json = json.map(withoutSecrets);
        console.readsConfig = false;
      }
    }
    return { reply: json, kind: reply.kind };
  }

  private nameOf({ session, params, input }: Visit): string {
    return `${session.id}/${params.id!}/${input.text('tab', { min: 1, max: 40 })}`;
  }

  private async consoleOf(visit: Visit): Promise<OpenConsole> {
    const name = this.nameOf(visit);
    for (let known = this.open.get(name); known !== undefined; known = this.open.get(name)) {
      const console = await known.console;
      if (console.connection.lost === undefined) return console;
      known.close();
    }
    const { session } = visit;
    const own = [...this.open.values()].filter(({ owner }) => owner === session);
    if (own.length >= consolesMax) own[0]!.close();
    // In the map before it is open, as more commands of the tab may come meanwhile.
    const console = this.makeConsole(visit);
    let forget = (): void => undefined;
    const made: OpenTab = {
      owner: session,
      console,
      close: () => {
        if (this.open.get(name) === made) this.open.delete(name);
        forget();
        console.then(
          ({ connection }) => connection.close(),
          () => undefined, // told to whoever waits for it
        );
      },
    };
    this.open.set(name, made);
    forget = atEnd(session, made.close);
    console.then(({ connection }) => (connection.onLost = made.close), made.close);
    return console;
  }

  private async makeConsole(visit: Visit): Promise<OpenConsole> {
    const connection = await this.admin.link(visit, visit.params.id!).open(readDatabase(visit.input));
    return { connection, isBusy: false, readsConfig: false };
  }
}

let completions: unknown;

/** Names, arguments and summaries of all commands, for completion; with the role that each needs. */
function makeCompletions(admin: AdminContext): unknown {
  const { commands } = hintsFromDeclarations(allDeclarations as unknown as readonly CommandDeclaration<never>[]);
  return {
    commands: commands
      .map(({ name, args, summary, group }) => {
        const { role, refusal } = admin.parts.policy.meaningOf(name.split(' ').map((word) => Buffer.from(word)));
        return refusal === undefined ? { name, args: renderArguments(args), summary, group, role } : undefined;
      })
      .filter((command) => command !== undefined),
  };
}
