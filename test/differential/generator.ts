// generator: random commands from the declared argument grammar of the registry: mostly right, partly a little wrong.
//
// Commands are generated from the declarations alone, so a new command is covered the moment it is listed. Only values
// need knowledge (argument-values.ts), and the commands that cannot be compared are named here.

import type { Prng } from '../../src/base/prng.js';
import type { CommandDeclaration } from '../../src/registry/command.js';
import type { Argument } from '../../src/registry/grammar.js';
import type { ArgumentValues } from './argument-values.js';

/** A command as one-byte strings. */
export type Words = readonly string[];

export interface Candidate {
  readonly name: readonly string[];
  readonly group: string;
  readonly arguments: readonly Argument[];
  /** How often it is picked against others. */
  readonly weight: number;
}

const dataGroups = ['string', 'list', 'hash', 'set', 'sorted_set', 'stream', 'bitmap', 'hyperloglog', 'geo', 'generic'];
/** Of the other groups: commands whose replies do not depend on the server's own state. */
const others = new Set([
  'ping',
  'echo',
  'select',
  'dbsize',
  'flushdb',
  'flushall',
  'swapdb',
  'time',
  'watch',
  'unwatch',
  'multi',
  'exec',
  'discard',
  'client|getname',
  'client|setname',
  'client|id',
  'memory|usage',
  'restore-asking',
  'lastsave',
  'publish',
  'pubsub|channels',
  'pubsub|numsub',
  'pubsub|numpat',
  'sort',
  'sort_ro',
]);
/** Data commands that cannot be compared: the sentences say why. */
const excluded = new Map<string, string>([
  ['pfselftest', 'takes half a minute on redis-server'],
  ...['zrangebylex', 'zrevrangebylex', 'zlexcount', 'zremrangebylex'].map(
    (name) => [name, 'defined only where all scores are equal: sorted-set.test.ts'] as const,
  ),
  ['migrate', 'talks to other servers'],
  ['wait', 'depends on replicas'],
  ['waitaof', 'depends on replicas'],
  ['object|help', 'its text follows the version'],
  ['xgroup|help', 'its text follows the version'],
  ['xinfo|help', 'its text follows the version'],
  ['object|freq', 'replies an error or not by maxmemory-policy, which tests of eviction cover'],
]);
const rare = new Set([
  'flushdb',
  'flushall',
  'swapdb',
  'select',
  'discard',
  'exec',
  'multi',
  'watch',
  'move',
  'unwatch',
  'time',
  'lastsave',
  'del',
  'unlink',
]);

/** Orders versions as numbers. */
export function versionNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major * 1_000_000 + minor * 1000 + patch;
}

/** The commands that a server of this version knows and whose replies can be compared. */
export function candidates(declarations: readonly CommandDeclaration<never>[], version: string): Candidate[] {
  const newest = versionNumber(version);
  const found: Candidate[] = [];
  const visit = (declaration: CommandDeclaration<never>, name: readonly string[]): void => {
    const fullName = name.join('|');
    const subcommands = declaration.subcommands ?? [];
    for (const sub of subcommands) visit(sub, [...name, sub.name]);
    if (subcommands.length > 0 || versionNumber(declaration.since) > newest || excluded.has(fullName)) return;
    if (!dataGroups.includes(declaration.group) && !others.has(fullName)) return;
    const args = (declaration.args ?? []).filter((argument) => versionNumber(argument.since ?? '0') <= newest);
    const blocks = args.some((argument) => argument.name === 'timeout') || /^xread/.test(fullName);
    const weight = rare.has(fullName) ? 1 : blocks ? 3 : dataGroups.includes(declaration.group) ? 8 : 2;
    found.push({ name, group: declaration.group, arguments: args, weight });
  };
  for (const declaration of declarations) visit(declaration, [declaration.name]);
  return found;
}

export class Generator {
  private readonly version: number;
  private readonly totalWeight: number;

  constructor(
    private readonly prng: Prng,
    private readonly values: ArgumentValues,
    private readonly commands: readonly Candidate[],
    version: string,
  ) {
    this.version = versionNumber(version);
    this.totalWeight = commands.reduce((sum, command) => sum + command.weight, 0);
  }

  /** A run of commands, some of them in transactions. */
  sequence(length: number): Words[] {
    const { prng } = this;
    const sequence: Words[] = [];
    // A sequence keeps to a few groups, so that its commands meet each other's keys.
    const focus = prng.chance(80) ? [prng.pick(dataGroups), prng.pick(dataGroups)] : dataGroups;
    while (sequence.length < length) {
      if (!prng.chance(6)) {
        sequence.push(...this.command(focus));
        continue;
      }
      if (prng.chance(30)) sequence.push(['WATCH', this.values.key(prng.pick(focus))]);
      sequence.push(['MULTI']);
      for (let left = prng.below(6); left > 0; left--) sequence.push(...this.command(focus));
      sequence.push([prng.chance(85) ? 'EXEC' : 'DISCARD']);
    }
    return sequence;
  }

  /** A command, and what has to follow it to keep two servers equal. */
  private command(focus: readonly string[]): Words[] {
    const { prng } = this;
    if (prng.chance(1)) return [this.nonsense()];
    const command = this.pick(focus);
    let words: string[] = [...command.name.map((word) => this.anyCase(word)), ...this.arguments(command)];
    if (prng.chance(8)) words = this.damage(words, command);
    // A longer ZRANK is refused by its arity there, which would also end a transaction.
    if (this.version < versionNumber('7.2.0') && /^z(rev)?rank$/i.test(words[0]!)) words = words.slice(0, 3);
    const followers: Words[] = [];
    // The two servers take different members; the rest of the key must not differ for it.
    if (command.name[0] === 'spop') followers.push(['DEL', words[1] ?? '']);
    if (command.name[0] === 'xadd' && words.includes('*')) followers.push(['DEL', words[1] ?? '']);
    return [words, ...followers];
  }

  private pick(focus: readonly string[]): Candidate {
    const { prng } = this;
    for (let attempt = 0; ; attempt++) {
      let left = prng.below(this.totalWeight);
      const found = this.commands.find((command) => (left -= command.weight) < 0)!;
      const fits = focus.includes(found.group) || found.group === 'generic' || !dataGroups.includes(found.group);
      if (fits || attempt > 20 || prng.chance(5)) return found;
    }
  }

  private nonsense(): Words {
    const { prng, values } = this;
    const count = 1 + prng.below(4);
    return Array.from({ length: count }, (_, index) =>
      index === 0
        ? prng.pick(['NOSUCH', 'get get', '', 'x'.repeat(200), 'OBJECT', 'xinfo', '\xff', 'CLIENT', 'a\r\nb'])
        : values.text(),
    );
  }

  private anyCase(word: string): string {
    return this.prng.chance(70) ? word.toUpperCase() : word;
  }

  private damage(words: string[], command: Candidate): string[] {
    const { prng, values } = this;
    const index = 1 + prng.below(words.length);
    // A number that moves into the place of a time could make a key expire in the middle of a run, or wait for ever.
    const hasTime = command.arguments.some((argument) => mentionsTime(argument));
    switch (prng.below(hasTime ? 3 : 6)) {
      case 0:
        return words.slice(0, index);
      case 1:
        return [...words, hasTime ? 'x' : values.wrong()];
      case 2:
        return words.map((word, at) =>
          at === index ? prng.pick(['', 'x', 'nan', '9223372036854775808', 'NX', '\0']) : word,
        );
      case 3:
        return words.filter((_, at) => at !== index);
      case 4:
        return words.map((word, at) => (at === index ? values.wrong() : word));
      default:
        return [...words.slice(0, index), words[index] ?? values.text(), ...words.slice(index)];
    }
  }

  private arguments(command: Candidate): string[] {
    const words: string[] = [];
    const state: Counting = { placeholder: -1, count: 0, keyCount: 1 };
    for (const argument of this.order(command.arguments)) this.append(argument, command, words, state);
    if (state.placeholder >= 0) words[state.placeholder] = this.values.smallInteger();
    return words;
  }

  /** Optional arguments in a row may come in any order. */
  private order(args: readonly Argument[]): Argument[] {
    const ordered = [...args];
    for (let index = 0; index + 1 < ordered.length; index++) {
      const swappable =
        ordered[index]!.optional === true &&
        ordered[index + 1]!.optional === true &&
        ordered[index]!.kind !== 'integer' &&
        ordered[index + 1]!.kind !== 'integer';
      if (swappable && this.prng.chance(20))
        [ordered[index], ordered[index + 1]] = [ordered[index + 1]!, ordered[index]!];
    }
    return ordered;
  }

  private append(argument: Argument, command: Candidate, words: string[], state: Counting): void {
    const { prng } = this;
    if (argument.since !== undefined && versionNumber(argument.since) > this.version) return;
    if (argument.optional === true && prng.chance(argument.name === 'limit' ? 50 : 65)) return;
    let repeats = 1;
    if (argument.multiple === true) repeats = this.repeats(argument, state);
    if (argument.multiple === true && state.placeholder >= 0) {
      words[state.placeholder] = prng.chance(97) ? String(repeats) : this.values.wrong();
      state.placeholder = -1;
    }
    for (let index = 0; index < repeats; index++) {
      if (argument.token !== undefined && (index === 0 || argument.multipleToken === true))
        words.push(this.anyCase(argument.token));
      this.appendOnce(argument, command, words, state);
    }
  }

  private repeats(argument: Argument, state: Counting): number {
    const { prng } = this;
    // Weights and stream ids come once for each key.
    if (
      argument.kind !== 'key' &&
      argument.kind !== 'block' &&
      (argument.name === 'weight' || (argument.name === 'id' && state.keyCount > 0 && state.inBlock === true)) &&
      prng.chance(96)
    )
      return state.keyCount;
    const few = 1 + prng.below(4);
    const repeats =
      argument.kind === 'key' || argument.children?.[0]?.kind === 'key'
        ? few
        : prng.chance(5)
          ? prng.below(prng.chance(30) ? 600 : 140) + 1
          : few;
    if (argument.kind === 'key') state.keyCount = repeats;
    return repeats;
  }

  private appendOnce(argument: Argument, command: Candidate, words: string[], state: Counting): void {
    const { prng, values } = this;
    const fullName = command.name.join('|');
    switch (argument.kind) {
      case 'pure-token':
        return; // its word is written
      case 'key':
        words.push(values.key(command.group));
        return;
      case 'oneof': {
        // BYLEX as the commands ending in it: only with equal scores.
        const choices = argument.children!.filter(
          (child) => versionNumber(child.since ?? '0') <= this.version && child.token !== 'BYLEX',
        );
        // An id made by the clock differs between servers: seldom.
        const chosen = prng.pick(choices);
        this.append(
          chosen.token === '*' && prng.chance(90) ? choices[choices.length - 1]! : chosen,
          command,
          words,
          state,
        );
        return;
      }
      case 'block': {
        const inBlock = state.inBlock;
        state.inBlock = true;
        for (const child of argument.children!) this.append(child, command, words, state);
        state.inBlock = inBlock;
        return;
      }
      default:
        if (/^num(keys|fields)$/.test(argument.name)) state.placeholder = words.push('') - 1;
        else words.push(values.of(argument, command.group, fullName));
    }
  }
}

interface Counting {
  /** Where the count of the next repeated argument stands; -1: nowhere. */
  placeholder: number;
  count: number;
  /** How many keys the last repeated key argument had. */
  keyCount: number;
  inBlock?: boolean | undefined;
}

function mentionsTime(argument: Argument): boolean {
  return /seconds|time|ttl|^ms$|idle/.test(argument.name) || (argument.children ?? []).some(mentionsTime);
}
