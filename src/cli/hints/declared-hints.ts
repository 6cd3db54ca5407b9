// declared-hints: hints from Kvasir's own command declarations, for servers that cannot describe their commands, or none.
import type { CommandDeclaration } from '../../registry/command.js';
import type { Argument } from '../../registry/grammar.js';
import type { ArgumentDoc, CommandDoc } from './command-docs.js';
import type { CommandHints } from './command-docs.js';

type Declaration = Pick<CommandDeclaration<never>, 'name' | 'summary' | 'since' | 'group' | 'args'> & {
  readonly subcommands?: readonly Declaration[];
};

export function hintsFromDeclarations(declarations: readonly Declaration[]): CommandHints {
  const commands: CommandDoc[] = [];
  for (const declaration of declarations) {
    commands.push(toDoc(declaration, []));
    for (const subcommand of declaration.subcommands ?? []) commands.push(toDoc(subcommand, [declaration.name]));
  }
  return { commands: commands.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)) };
}

function toDoc({ name, summary, since, group, args }: Declaration, parents: readonly string[]): CommandDoc {
  const words = [...parents, name].map((word) => word.toUpperCase());
  return {
    name: words.join(' '),
    words,
    summary,
    since,
    group: group.replaceAll('_', '-'),
    args: (args ?? []).map(toArgument),
  };
}

function toArgument(argument: Argument): ArgumentDoc {
  return {
    name: argument.display ?? argument.name,
    type: argument.kind,
    token: argument.token?.replace(/^""$/, ''),
    optional: argument.optional === true,
    multiple: argument.multiple === true,
    multipleToken: argument.multipleToken === true,
    parts: (argument.children ?? []).map(toArgument),
  };
}
