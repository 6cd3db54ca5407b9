// table: finds commands by the bytes of their name, in any case, without making a string.

import { foldCase } from '../base/bytes.js';
import { buildCommand, type Command, type CommandDeclaration } from './command.js';

const SLOT_COUNT = 2048; // a power of two; a few hundred names leave most slots empty

const encoder = new TextEncoder();

/**
 * The commands built from declarations. Servers of one process share them, so that the second starts sooner, and so
 * that ids, by which each server keeps its tables, stay small however many servers there were.
 */
const built = new WeakMap<object, Command<never>>();

function builtOnce<C>(declaration: CommandDeclaration<C>): Command<C> {
  let command = built.get(declaration) as Command<C> | undefined;
  if (command === undefined) {
    command = buildCommand(declaration);
    built.set(declaration, command as Command<never>);
  }
  return command;
}

interface Slot<C> {
  readonly bytes: Uint8Array;
  readonly command: Command<C>;
}

export class CommandTable<C> {
  private readonly slots: (Slot<C>[] | undefined)[] = new Array<Slot<C>[] | undefined>(SLOT_COUNT).fill(undefined);
  private readonly byName = new Map<string, Command<C>>();

  constructor(declarations: readonly CommandDeclaration<C>[]) {
    for (const declaration of declarations) this.add(declaration.name, builtOnce(declaration));
  }

  /** All commands by the name they are called by now (see rename-command), without subcommands. */
  get commands(): ReadonlyMap<string, Command<C>> {
    return this.byName;
  }

  add(name: string, command: Command<C>): void {
    const lower = name.toLowerCase();
    const bytes = encoder.encode(lower);
    if (this.byName.has(lower)) throw new Error(`command ${name} is declared twice`);
    this.byName.set(lower, command);
    (this.slots[hashName(bytes, 0, bytes.length)] ??= []).push({ bytes, command });
  }

  remove(name: string): boolean {
    const bytes = encoder.encode(name.toLowerCase());
    if (!this.byName.delete(name.toLowerCase())) return false;
    const index = hashName(bytes, 0, bytes.length);
    const kept = this.slots[index]!.filter((slot) => !sameName(slot.bytes, bytes, 0, bytes.length));
    this.slots[index] = kept.length === 0 ? undefined : kept;
    return true;
  }

  /** rename-command: an empty new name takes the command away. Returns Redis's reason when it refuses. */
  rename(from: string, to: string): string | undefined {
    const found = this.byName.get(from.toLowerCase());
    if (found === undefined) return 'No such command in rename-command';
    this.remove(from);
    if (to === '') return undefined;
    if (this.byName.has(to.toLowerCase())) return 'Target command name already exists';
    this.add(to, found);
    return undefined;
  }

  /** The command of this name, without looking at subcommands. @hot */
  find(bytes: Uint8Array, offset: number, length: number): Command<C> | undefined {
    const slots = this.slots[hashName(bytes, offset, length)];
    if (slots === undefined) return undefined;
    for (let index = 0; index < slots.length; index++) {
      const slot = slots[index]!;
      if (sameName(slot.bytes, bytes, offset, length)) return slot.command;
    }
    return undefined;
  }

  /** 'get' or 'config|get', in lower case. */
  byFullName(fullName: string): Command<C> | undefined {
    const bar = fullName.indexOf('|');
    return bar < 0
      ? this.byName.get(fullName)
      : this.byName.get(fullName.slice(0, bar))?.subcommands.get(fullName.slice(bar + 1));
  }

  /** Every command and subcommand. */
  *all(): IterableIterator<Command<C>> {
    for (const command of this.byName.values()) {
      yield command;
      yield* command.subcommands.values();
    }
  }
}

/** From the length and three of the characters: a few names share a slot, but long names cost no more than short ones. @hot */
function hashName(bytes: Uint8Array, offset: number, length: number): number {
  if (length === 0) return 0;
  const first = foldCase[bytes[offset]!]!;
  const middle = foldCase[bytes[offset + (length >>> 1)]!]!;
  const last = foldCase[bytes[offset + length - 1]!]!;
  return (length * 89 + first * 131 + middle * 1031 + last * 37) & (SLOT_COUNT - 1);
}

function sameName(name: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let index = 0; index < length; index++) if (name[index] !== foldCase[bytes[offset + index]!]) return false;
  return true;
}
