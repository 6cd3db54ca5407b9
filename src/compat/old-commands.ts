// old-commands: the declarations of commands as the server of a profile had them.
//
// The table of commands is built from the result once, at the start, so that a server of today pays nothing: commands that came later
// are missing, arities are the old ones, and what else differs wraps `run`.

import type { Call } from '../registry/call.js';
import type { CommandDeclaration } from '../registry/command.js';
import type { Argument } from '../registry/grammar.js';
import { errors, wrongArity } from '../protocol/errors.js';
import { arityOf, grammarOf, hasCommand, historyOf } from './command-set.js';
import type { Change, Run } from './changes.js';
import { isBefore, type Profile } from './profile.js';
import { dataChanges } from './replies.js';
import { viewChanges } from './server-views.js';
import { findNew } from './too-new.js';

const changes: readonly Change[] = [...dataChanges, ...viewChanges];

/** The error for an option that is too new, where it is not that of a wrong syntax. */
const tooNewErrors: readonly (readonly [command: string, before: string, text: string])[] = [
  ['geoadd', '6.2.0', 'ERR syntax error. Try GEOADD key [x1] [y1] [name1] [x2] [y2] [name2] ... '],
  ['xadd', '99.0.0', 'ERR Invalid stream ID specified as stream command argument'],
  ['xgroup|create', '7.0.0', wrongArity('xgroup|create')],
  ['xinfo|stream', '6.0.0', wrongArity('xinfo|stream')],
  ['xgroup|setid', '7.0.0', wrongArity('xgroup|setid')],
  ['script|flush', '6.2.0', wrongArity('script|flush')],
  ['client|pause', '6.2.0', wrongArity('client|pause')],
  ['client|list', '5.0.0', wrongArity('client|list')],
  ['client|kill', '2.8.12', wrongArity('client|kill')],
];

const refusedInScripts = new Set(['blpop', 'brpop', 'brpoplpush', 'blmove', 'bzpopmin', 'bzpopmax']);
const refusedInLoading = new Set(['cluster|shards', 'cluster|slots']);

type Declaration = CommandDeclaration<Call>;

export function oldCommands<C>(
  profile: Profile,
  declarations: readonly CommandDeclaration<C>[],
): readonly CommandDeclaration<C>[] {
  const all = declarations as unknown as readonly Declaration[];
  const runs = new Map<string, Run>();
  for (const declaration of all) if (declaration.run !== undefined) runs.set(declaration.name, declaration.run);
  const old = all
    .filter(({ name, since }) => hasCommand(profile, name, since))
    .map((declaration) => oldCommand(profile, declaration, declaration.name, runs));
  return old as unknown as readonly CommandDeclaration<C>[];
}

function oldCommand(profile: Profile, now: Declaration, fullName: string, runs: ReadonlyMap<string, Run>): Declaration {
  const { args = [], history = [], subcommands } = now;
  const grammar = grammarOf(profile, fullName, args);
  const arity = arityOf(profile, fullName, now.arity);
  let { run } = now;
  if (run !== undefined) {
    for (const change of changes)
      if (isFor(change, profile, fullName)) run = change.wrap(run, profile, (name) => runs.get(name));
    if (grammar.isNew !== undefined) run = refuseNew(run, grammar.now, fullName, profile, grammar.isNew);
  }
  return {
    ...now,
    flags: flagsOf(profile, now, fullName),
    arity,
    args: grammar.args,
    history: historyOf(profile, history),
    ...(run === undefined ? {} : { run }),
    ...(subcommands === undefined
      ? {}
      : {
          subcommands: subcommands
            .filter(({ name, since }) => hasCommand(profile, `${fullName}|${name}`, since))
            .map((sub) => oldCommand(profile, sub, `${fullName}|${sub.name}`, runs)),
        }),
  };
}

/** Commands that wait were refused in scripts until 7.0, they reply at once since; and a server that loaded hid the cluster. */
function flagsOf(profile: Profile, { name, flags }: Declaration, fullName: string): Declaration['flags'] {
  if (!isBefore(profile, '7.2.0')) return flags;
  if (refusedInLoading.has(fullName)) return flags.filter((flag) => flag !== 'loading');
  if (name === 'wait') return flags.map((flag) => (flag === 'blocking' ? 'noscript' : flag));
  return refusedInScripts.has(name) ? [...flags, 'noscript'] : flags;
}

function isFor({ commands, before, product }: Change, profile: Profile, fullName: string): boolean {
  return (
    commands.includes(fullName) &&
    (before === undefined || isBefore(profile, before)) &&
    (product === undefined || product === profile.product)
  );
}

function refuseNew(
  run: Run,
  args: readonly Argument[],
  fullName: string,
  profile: Profile,
  isNew: (since: string) => boolean,
): Run {
  const from = fullName.includes('|') ? 2 : 1;
  const special = tooNewErrors.find(([name, before]) => name === fullName && isBefore(profile, before));
  return (call) => {
    if (findNew(args, isNew, call, from) === undefined) run(call);
    else call.reply.error(special?.[2] ?? errors.syntax);
  };
}
