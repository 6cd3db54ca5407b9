// reference: the table of docs/proxy.md with the treatment of each command, made from the plans that the proxy runs by.
import { CommandTable } from '../../registry/table.js';
import type { Command, CommandDeclaration } from '../../registry/command.js';
import { planOf, type Plan, type PlanKind } from './plan.js';

const titles: readonly (readonly [PlanKind, string])[] = [
  ['key', 'to the server of the key'],
  ['split', 'split by key, replies merged'],
  ['all', 'asked of all servers, replies merged'],
  ['scan', 'over all servers, one after the other'],
  ['any', 'to any server'],
  ['blocking', 'on a connection of its own'],
  ['transaction', 'on one server, on a connection of its own'],
  ['pubsub', 'by the channel, over shared subscribers'],
  ['local', 'answered by the proxy'],
  ['refused', 'refused, with the reason'],
];

function nameOf(plan: Plan): string {
  return plan.command.fullName.replace('|', ' ').toUpperCase();
}

/** Markdown: one row for each way, and which of them twemproxy has too. */
export function planTable(declarations: readonly CommandDeclaration<never>[]): string {
  const table = new CommandTable<never>(declarations);
  const names = new Map<PlanKind, string[]>();
  for (const command of table.commands.values()) {
    const plan = planOf(command as Command);
    const plans = plan.subplans === undefined ? [plan] : [...plan.subplans.values()];
    const kinds = new Set(plans.map(({ kind }) => kind));
    const shown =
      plan.subplans === undefined || kinds.size === 1
        ? [{ name: plan.command.name.toUpperCase(), kind: plans[0]?.kind ?? plan.kind }]
        : plans.map((sub) => ({ name: nameOf(sub), kind: sub.kind }));
    for (const { name, kind } of shown) names.set(kind, [...(names.get(kind) ?? []), name]);
  }
  const rows = titles.map(([kind, title]) => `| ${title} | ${(names.get(kind) ?? []).sort().join(', ')} |`);
  return ['| what happens | commands |', '|---|---|', ...rows].join('\n');
}
