// compile: from Lua source to functions that can be called.
//
// A Prototype is the compiled text; it is kept in the script cache and bound to any number of global tables. V8 compiles the
// functions inside when they are first called. The guard versions (see codegen) are made when a function of the chunk is
// first suspended, from the source, so that a cached script holds no tree.
import { generate, generateGuards } from './codegen.js';
import { LuaSyntaxError, shortSource } from './lexer.js';
import * as runtime from './machine.js';
import { CompiledFunction } from './machine.js';
import type { GuardFunction } from './machine.js';
import { parse } from './parser.js';
import { LuaFunction, LuaTable } from './values.js';
import type { LuaValue, Results } from './values.js';

type Maker = (...upvalues: unknown[]) => LuaFunction;

const none: Results = [];
Object.freeze(none);

/** The helpers that generated code calls, under one name. */
const helpers = {
  first: runtime.first,
  truthy: runtime.truthy,
  indexName: runtime.indexName,
  index: runtime.index,
  setIndex: runtime.setIndex,
  arithmetic: runtime.arithmetic,
  modulo: runtime.modulo,
  power: runtime.power,
  lessThan: runtime.lessThan,
  lessEqual: runtime.lessEqual,
  equal: runtime.equal,
  length: runtime.length,
  concat: runtime.concat,
  concatAll: runtime.concatAll,
  call: runtime.call,
  callSpread: runtime.callSpread,
  record: runtime.record,
  recordOfOne: runtime.recordOfOne,
  recordOfTwo: runtime.recordOfTwo,
  recordOfThree: runtime.recordOfThree,
  forBound: runtime.forBound,
  trace: runtime.trace,
  catchThrown: runtime.catchThrown,
  none,
  atLine(line: number): void {
    runtime.machine.atLine(line);
  },
  nextFunction: null as LuaFunction | null,
  ipairsStep: null as LuaFunction | null,
  selectFunction: null as LuaFunction | null,
  /** The first result of `select(number, ...)`, or of a call in place of `...`: without a list of the rest. */
  selectFirst(callee: LuaValue, number: LuaValue, rest: Results): Results {
    if (callee === helpers.selectFunction && rest instanceof Array) {
      if (number === '#') return rest.length;
      if (typeof number === 'number' && number >= 1 && (number | 0) === number) return rest[number - 1];
    }
    return runtime.callSpread(callee, [number], rest);
  },
  append(values: LuaValue[], rest: Results): Results {
    if (rest instanceof Array) for (let at = 0; at < rest.length; at++) values.push(rest[at]);
    else values.push(rest);
    return values;
  },
  argTable(rest: LuaValue[]): LuaTable {
    const table = new LuaTable();
    table.arrange(0, rest, undefined);
    table.set('n', rest.length);
    return table;
  },
  /** The start position where a generic for can walk the table itself, else undefined. */
  traversal(iterator: LuaValue, state: LuaValue, control: LuaValue): number | undefined {
    if (!(state instanceof LuaTable)) return undefined;
    if (iterator === helpers.nextFunction) return control === undefined ? 0 : undefined;
    return iterator === helpers.ipairsStep && control === 0 ? 0 : undefined;
  },
};

/** Tells generated code which functions `next`, the step of `ipairs` and `select` are. */
export function setKnownFunctions(next: LuaFunction, ipairsStep: LuaFunction, select: LuaFunction): void {
  helpers.nextFunction = next;
  helpers.ipairsStep = ipairsStep;
  helpers.selectFunction = select;
}

const parameterNames = ['S', 'R', 'G', 'LuaFunction', 'LuaTable', 'W', 'codes'];

export class Prototype {
  readonly chunk: string;
  private readonly make: (...parameters: unknown[]) => Maker[];
  private readonly functions;
  private makeGuards: ((...parameters: unknown[]) => GuardFunction[]) | null = null;

  constructor(
    private readonly source: string,
    chunkName: string,
    /** `machine.atLine` gets each line, and frames know the names of their locals. */
    private readonly isDebugged = false,
  ) {
    this.chunk = shortSource(chunkName);
    try {
      const generated = generate(parse(source, this.chunk), isDebugged);
      this.functions = generated.functions;
      this.make = new Function(...parameterNames, generated.source) as (...parameters: unknown[]) => Maker[];
    } catch (thrown) {
      // An expression or a chain of `elseif` of thousands of parts: the parser takes it, the generator or V8 do not.
      if (thrown instanceof RangeError) throw new LuaSyntaxError(`${this.chunk}: function or expression too complex`);
      throw thrown;
    }
  }

  /** The main function of the chunk, with these globals. */
  bind(globals: LuaTable): LuaFunction {
    const { chunk } = this;
    const makeGuards = (): void => {
      this.makeGuards ??= new Function(
        ...parameterNames,
        'makers',
        generateGuards(parse(this.source, chunk), this.isDebugged),
      ) as (...parameters: unknown[]) => GuardFunction[];
      this.makeGuards(...shared, makers).forEach((guard, at) => (codes[at]!.guard = guard));
    };
    const codes = this.functions.map(({ line, places }) => new CompiledFunction(line, chunk, places, makeGuards));
    const shared = [runtime.machine, helpers, globals, LuaFunction, LuaTable, runtime.unwinding, codes];
    const makers = this.make(...shared);
    return makers[0]!();
  }
}

/** Compiles a chunk. Throws LuaSyntaxError. `chunkName` is `@file`, `=name` or the source itself, as in Lua's C API. */
export function compile(source: string, chunkName: string): Prototype {
  return new Prototype(source, chunkName);
}

/** As `compile`, for a debugger: slower code that calls `machine.atLine` at each line. */
export function compileForDebugger(source: string, chunkName: string): Prototype {
  return new Prototype(source, chunkName, true);
}
