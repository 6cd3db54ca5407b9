// engine: what a host needs to run scripts.
//
//   const engine = new Engine({ nowMs });
//   const prototype = compile(source, '@user_script');       // keep it: this is the cache
//   const main = prototype.bind(engine.globals);             // once per table of globals
//   const run = new Execution(engine, main, args);
//   while (run.advance(() => clock() < deadline) === 'suspended') await the event loop;
//   run.state: 'done' -> run.values, 'failed' -> run.error
//
// A suspended run holds nothing but frames on the heap: killing it is `kill()`, or dropping it. No script can catch that.
// Runs may overlap (one parked while another runs), never nest inside a host function on the same frames.
//
// Host functions are plain: `native((...args) => results)`. They throw LuaError to fail in the script's eyes.
import { openBase } from './base-library.js';
import { bitLibrary } from './bit-library.js';
import { cjsonLibrary } from './cjson-library.js';
import { cmsgpackLibrary } from './cmsgpack-library.js';
import { activate, errorValue, Frame, FrameStack, list, saveNative, StartFrame, suspension } from './machine.js';
import type { Activation, SavedCall } from './machine.js';
import { openMath, osLibrary } from './math-library.js';
import { native } from './native.js';
import { numberToString } from './numbers.js';
import { memoryIsFull } from './script-memory.js';
import { stringLibrary } from './string-library.js';
import { structLibrary } from './struct-library.js';
import { tableLibrary } from './table-library.js';
import { LuaError, LuaTable, nativeError } from './values.js';
import type { LuaValue } from './values.js';

export interface EngineOptions {
  /** For `os.clock`. */
  readonly nowMs: () => number;
}

export class Engine {
  /** The globals of scripts; scripts cannot add to them once `protect` was called. */
  readonly globals = new LuaTable();
  /** The metatable of all strings. */
  readonly stringMeta = new LuaTable();
  /** Begins another sequence of random numbers, as `math.randomseed` does; it goes on from script to script. */
  readonly seed: (value: number) => void;

  constructor(readonly options: EngineOptions) {
    const { globals } = this;
    openBase(globals);
    const strings = stringLibrary();
    this.stringMeta.set('__index', strings);
    const math = openMath();
    this.seed = math.seed;
    globals.set('string', strings);
    globals.set('table', tableLibrary());
    globals.set('math', math.library);
    globals.set('os', osLibrary(options.nowMs));
    globals.set('cjson', cjsonLibrary());
    globals.set('cmsgpack', cmsgpackLibrary());
    globals.set('struct', structLibrary());
    globals.set('bit', bitLibrary());
  }

  /** Makes the globals and every table in them read-only, and reading an unknown global an error. */
  protect(): void {
    protectGlobals(this.globals);
    this.stringMeta.readonly = true;
  }
}

/** As `Engine.protect`, for a table of globals that the host made itself. */
export function protectGlobals(globals: LuaTable): void {
  const meta = new LuaTable();
  meta.set(
    '__index',
    native((...args) => {
      const name = args[1];
      if (typeof name !== 'string' && typeof name !== 'number') {
        throw nativeError('Second argument to luaProtectedTableError must be a string or number');
      }
      const text = typeof name === 'number' ? numberToString(name) : name;
      throw nativeError(`Script attempted to access nonexistent global variable '${text}'`);
    }),
  );
  meta.readonly = true;
  globals.meta = meta;
  protectTable(globals);
}

function protectTable(table: LuaTable): void {
  if (table.readonly) return;
  table.readonly = true;
  for (const value of [...table.arr, ...table.vals]) if (value instanceof LuaTable) protectTable(value);
}

const noValues: LuaValue[] = [];

/** A function that a stopped script is in, as a debugger shows it. */
export interface StackLevel {
  readonly line: number;
  /** Its name at the call; null when it has none. */
  readonly name: string | null;
  readonly locals: readonly { readonly name: string; readonly value: LuaValue }[];
}

/** The frames of the coroutine that the innermost call of these runs. */
function innerStack({ innermost }: FrameStack): FrameStack | null {
  return innermost?.self instanceof Frame ? innermost.self.inner() : null;
}

export type ExecutionState = 'suspended' | 'done' | 'failed' | 'killed';

/** One run of a function, from its first call to its end. */
export class Execution implements Activation {
  state: ExecutionState = 'suspended';
  /** Its result, once `done`. */
  values = noValues;
  /** Its error, once `failed`. */
  error: LuaError | null = null;
  /** The exception of a failure of the engine itself, for the log. */
  bug: unknown = null;
  coroutine: unknown = null;
  private readonly start: StartFrame;
  private readonly startCall: SavedCall;
  private readonly stack = new FrameStack();
  private askHost: () => boolean = () => true;

  stringMeta: LuaTable;

  constructor(
    engine: Engine,
    main: LuaValue,
    args: LuaValue[],
    /** Asked at every look at the clock (with 0), and after every 32 MB of long strings with their bytes. */
    private readonly isFull: (bytes: number) => boolean = memoryIsFull,
    /** For tests: suspends as often as can be. */
    readonly isFrantic = false,
  ) {
    this.stringMeta = engine.stringMeta;
    this.start = new StartFrame(main, args);
    this.startCall = saveNative(this.start);
    this.stack.pushCall(this.startCall);
  }

  /** Makes a run that has ended into a new one, as the constructor does. */
  restart(engine: Engine, main: LuaValue, args: LuaValue[]): void {
    this.state = 'suspended';
    this.values = noValues;
    this.error = null;
    this.bug = null;
    this.coroutine = null;
    this.stringMeta = engine.stringMeta;
    this.start.restart(main, args);
    this.stack.clear();
    this.stack.pushCall(this.startCall);
  }

  readonly charge = (bytes: number): void => {
    if (this.isFull(bytes)) throw new LuaError('not enough memory', 0);
  };

  readonly mayContinue = (): boolean => {
    this.charge(0);
    return this.askHost();
  };

  /** Runs until the end, or until `mayContinue` says no; it is asked every few hundred microseconds. */
  advance(mayContinue: () => boolean): ExecutionState {
    if (this.state !== 'suspended') return this.state;
    this.askHost = mayContinue;
    try {
      this.values = list(activate(this.stack, this));
      this.state = 'done';
    } catch (thrown) {
      if (thrown === suspension) return this.state;
      this.state = 'failed';
      this.stack.clear();
      if (thrown instanceof LuaError) {
        errorValue(thrown);
        this.error = thrown;
      } else {
        // A bug of ours costs the client its script, not everybody the server.
        this.bug = thrown;
        this.error = new LuaError(`internal error: ${String(thrown)}`);
      }
    }
    return this.state;
  }

  /** Where a suspended run stands; null when it is in no Lua function. */
  where(): LuaError['where'] {
    for (let call = this.stack.innermost; call !== null; call = call.outer) {
      if (call.code !== null) return call.code.where(call.place);
    }
    return null;
  }

  /** The Lua functions that a suspended run stands in, innermost first. */
  levels(): StackLevel[] {
    let { stack } = this;
    for (let inner = innerStack(stack); inner !== null; inner = innerStack(stack)) stack = inner;
    const levels: StackLevel[] = [];
    for (let frame = stack.innermost; frame !== null; frame = frame.outer) {
      const { code, state, outer: caller } = frame;
      if (code === null) continue;
      const place = code.places[frame.place]!;
      levels.push({
        line: place.line,
        name:
          caller !== null && caller.code !== null
            ? (/'(.*)'$/s.exec(caller.code.places[caller.place]!.names[0] ?? '')?.[1] ?? null)
            : null,
        locals: (place.locals ?? []).map(({ name, slot, isCell, constant }) => {
          const kept = state[slot];
          return {
            name,
            value: constant ?? (isCell ? (kept as { readonly v: LuaValue } | undefined)?.v : (kept as LuaValue)),
          };
        }),
      });
    }
    return levels;
  }

  /** Ends a suspended run; nothing of the script runs any more. */
  kill(): void {
    if (this.state !== 'suspended') return;
    this.state = 'killed';
    this.stack.clear();
  }
}
