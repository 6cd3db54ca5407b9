// interleavings: runs two programs in all orders of their steps, to find one in which both wait for ever.
//
// A program is a generator that yields its steps: each is done at once, and only the order of steps of different programs is open. After
// each step the explorer goes on with every program that can go on; a state that it has seen before it does not follow again. Generators
// cannot be copied, so each branch is run again from the start.
//
// The state of a program is where it stands (the calls that it is in, and the name of its next step), its local variables (which it keeps
// in an object that the explorer can read), and the result of its last step. So a result must not be used after the step that follows it,
// unless it is kept in that object or decides which way the program takes.
//
// `asGenerators` makes such programs out of ordinary code, so that what is explored is what runs.

import { runInThisContext } from 'node:vm';

/** One way on from where a program stands. */
export interface Step<Shared> {
  readonly name: string;
  /** Whether it is possible now; always if absent. */
  readonly enabled?: (shared: Shared) => boolean;
  readonly run: (shared: Shared) => unknown;
}

/** Yields the steps of which one comes next; gets the result of the one that was taken. */
export type Program<Shared, Result = void> = Generator<readonly Step<Shared>[], Result, never>;

export interface Exploration<Shared> {
  readonly makeShared: () => Shared;
  /** Each makes a program and the object with its local variables. */
  readonly programs: readonly (() => { readonly locals: object; readonly program: Program<Shared> })[];
  /** Whether all is well in a state in which no program can go on. */
  readonly isDone: (shared: Shared) => boolean;
}

export interface Explored {
  readonly states: number;
  readonly ends: number;
  /** The order of steps that leads to an end that is not well. */
  readonly stuck: readonly string[] | undefined;
}

interface Running<Shared> {
  readonly program: Program<Shared>;
  readonly locals: object;
  /** The calls that it is in. */
  readonly calls: number[];
  steps: readonly Step<Shared>[] | undefined;
  result: unknown;
}

/** Those of the program that goes on now. */
let currentCalls: number[] = [];

function advance<Shared>(running: Running<Shared>, result: unknown): void {
  currentCalls = running.calls;
  running.result = result;
  const { value, done } = running.program.next(result as never);
  running.steps = done === true ? undefined : (value as readonly Step<Shared>[]);
}

class Run<Shared> {
  readonly shared: Shared;
  private readonly programs: Running<Shared>[];

  constructor(exploration: Exploration<Shared>) {
    this.shared = exploration.makeShared();
    this.programs = exploration.programs.map((make) => {
      const running: Running<Shared> = { ...make(), calls: [], steps: undefined, result: undefined };
      advance(running, undefined);
      return running;
    });
  }

  /** Takes one step: `choice` is program * 8 + alternative. */
  take(choice: number): void {
    const running = this.programs[choice >> 3]!;
    advance(running, running.steps![choice & 7]!.run(this.shared));
  }

  nameOf(choice: number): string {
    return `${choice >> 3}: ${this.programs[choice >> 3]!.steps![choice & 7]!.name}`;
  }

  get choices(): number[] {
    const choices: number[] = [];
    this.programs.forEach(({ steps }, index) =>
      steps?.forEach(({ enabled }, alternative) => {
        if (enabled === undefined || enabled(this.shared)) choices.push(index * 8 + alternative);
      }),
    );
    return choices;
  }

  get state(): string {
    return JSON.stringify([
      this.shared,
      this.programs.map(({ calls, steps, locals, result }) => [calls, steps?.[0]?.name, locals, result]),
    ]);
  }
}

/** Walks all orders; stops at the first end that is not well. */
export function explore<Shared>(exploration: Exploration<Shared>): Explored {
  const seen = new Set<string>();
  const open: (readonly number[])[] = [[]];
  let ends = 0;
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const run = new Run(exploration);
    const names: string[] = [];
    for (const choice of path) {
      names.push(run.nameOf(choice));
      run.take(choice);
    }
    // Follows one branch as far as it is new; the others are for later.
    const here = [...path];
    for (;;) {
      const { state, choices } = run;
      if (seen.has(state)) break;
      seen.add(state);
      if (choices.length === 0) {
        ends++;
        if (!exploration.isDone(run.shared)) return { states: seen.size, ends, stuck: names };
        break;
      }
      for (const other of choices.slice(1)) open.push([...here, other]);
      const next = choices[0]!;
      here.push(next);
      names.push(run.nameOf(next));
      run.take(next);
    }
  }
  return { states: seen.size, ends, stuck: undefined };
}

/** Remembers that the program is in a call. */
function* inCall<Shared, Result>(site: number, call: Program<Shared, Result>): Program<Shared, Result> {
  currentCalls.push(site);
  const result = yield* call;
  currentCalls.pop();
  return result;
}

const keywords = new Set(['if', 'for', 'while', 'switch', 'return', 'catch', 'function']);

/** The text of a module without comments and exports. */
export function bareText(moduleText: string): string {
  return moduleText
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/^export (?=const|function|async)/gm, '')
    .replace(/^export \{[^}]*\};?$/gm, '')
    .replace(/\s*\n\s*/g, '\n');
}

/** Makes each function a generator, and each call a `yield*`. Knows the plain code of handshake, no more. */
let sites = 0;

function rewriteCalls(text: string): string {
  let result = '';
  let at = 0;
  for (const call of text.matchAll(/(function )?([A-Za-z][\w.]*)\s*\(/g)) {
    if (call.index < at) continue;
    const [whole, isDeclaration, name] = call;
    if (isDeclaration !== undefined) {
      result += `${text.slice(at, call.index)}function* ${name}(`;
      at = call.index + whole.length;
    } else if (!keywords.has(name!)) {
      const open = call.index + whole.length;
      const close = closingOf(text, open);
      result += `${text.slice(at, call.index)}(yield* inCall(${sites++}, ${name}(${rewriteCalls(text.slice(open, close))})))`;
      at = close + 1;
    }
  }
  return result + text.slice(at);
}

/** Where the parenthesis ends that is open at `from`. */
function closingOf(text: string, from: number): number {
  for (let at = from, depth = 1; ; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at;
  }
}

/** The functions `names` of a module's bare text as generators, with `atomics` in the place of Atomics. */
export function asGenerators<Names extends string>(
  text: string,
  names: readonly Names[],
  atomics: object,
): Record<Names, (...args: unknown[]) => Generator<never, never, never>> {
  const source = `(function (Atomics, inCall) { 'use strict'; ${rewriteCalls(text)}\nreturn { ${names.join(', ')} }; })`;
  const make = runInThisContext(source) as (atomics: object, call: unknown) => ReturnType<typeof asGenerators<Names>>;
  return make(atomics, inCall);
}
