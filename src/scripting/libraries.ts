// libraries: function libraries: loading their code, finding functions by name, replacing and restoring them as a whole.
//
// A library is loaded by running its code once with a `redis` table that can register functions. Nothing of it is seen before
// the run has ended well and no name collides; several libraries (FUNCTION RESTORE) are taken over together or not at all.
import { latin1, latin1Bytes } from '../base/bytes.js';
import { compile } from './lua/compile.js';
import { type Engine, Execution, protectGlobals } from './lua/engine.js';
import { LuaSyntaxError } from './lua/lexer.js';
import { LuaError, type LuaFunction, LuaTable } from './lua/values.js';
import { type FunctionDeclaration, type RedisApi, errorText } from './redis-api.js';
import { flagBits, readLibraryShebang, ShebangError } from './shebang.js';

const LOAD_MS_MAX = 500;
/** Approximate bytes of a library and of a function besides the code. */
const LIBRARY_OVERHEAD_BYTES = 1000;
const FUNCTION_OVERHEAD_BYTES = 300;

export interface ScriptFunction {
  readonly name: string;
  readonly callback: LuaFunction;
  readonly description: string | null;
  readonly flagNames: readonly string[];
  readonly flags: number;
  readonly library: Library;
}

export class Library {
  readonly functions = new Map<string, ScriptFunction>();

  constructor(
    readonly name: string,
    readonly engine: string,
    /** As it was given, shebang included; a one-byte string. */
    readonly code: string,
  ) {}
}

/** The reason for refusing a library, as the client gets it. */
export class LibraryError extends Error {}

export type OnCollision = 'fail' | 'replace';

/** All libraries of a server. */
export class Libraries {
  private byName = new Map<string, Library>();
  /** By name in lower case: FCALL takes any. */
  private functions = new Map<string, ScriptFunction>();
  /** The globals of all library code: an empty table whose metatable's `__index` changes. */
  private readonly environment = new LuaTable();
  private readonly environmentMeta = new LuaTable();

  private loading: Library | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly api: RedisApi,
    private readonly steadyClock: () => number,
  ) {
    engine.globals.set('redis', api.table(false));
    engine.protect();
    this.environment.meta = this.environmentMeta;
    this.environment.readonly = true;
    this.environmentMeta.readonly = true;
    this.environmentMeta.set('__index', engine.globals);
  }

  get all(): Iterable<Library> {
    return this.byName.values();
  }

  get count(): number {
    return this.byName.size;
  }

  get functionCount(): number {
    return this.functions.size;
  }

  get usedBytes(): number {
    let bytes = this.functions.size * FUNCTION_OVERHEAD_BYTES;
    for (const library of this.byName.values()) bytes += library.code.length + LIBRARY_OVERHEAD_BYTES;
    return bytes;
  }

  has(name: string): boolean {
    return this.byName.has(name);
  }

  findFunction(name: string): ScriptFunction | undefined {
    return this.functions.get(name.toLowerCase());
  }

  /** Loads a library and returns its name. Throws LibraryError. */
  load(code: string, onCollision: OnCollision): string {
    const { name, engine, body } = this.readMetadata(code);
    if (onCollision === 'fail' && this.byName.has(name)) throw new LibraryError(`ERR Library '${name}' already exists`);
    const library = this.build(name, engine, code, body);
    this.add([library], false);
    return name;
  }

  /** Takes over several libraries, or none. With `flushes` the present ones go. Throws LibraryError. */
  restore(codes: readonly Uint8Array[], policy: 'append' | 'replace' | 'flush'): void {
    const libraries: Library[] = [];
    for (const bytes of codes) {
      const code = latin1(bytes);
      const { name, engine, body } = this.readMetadata(code);
      if (libraries.some((other) => other.name === name))
        throw new LibraryError(`ERR Library '${name}' already exists`);
      libraries.push(this.build(name, engine, code, body));
    }
    if (policy === 'append') {
      for (const { name } of libraries)
        if (this.byName.has(name)) throw new LibraryError(`ERR Library ${name} already exists`);
    }
    this.add(libraries, policy === 'flush');
  }

  delete(name: string): boolean {
    const library = this.byName.get(name);
    if (library === undefined) return false;
    this.byName.delete(name);
    for (const functionName of library.functions.keys()) this.functions.delete(functionName.toLowerCase());
    return true;
  }

  clear(): void {
    this.byName = new Map();
    this.functions = new Map();
  }

  codes(): Uint8Array[] {
    return [...this.byName.values()].map(({ code }) => latin1Bytes(code));
  }

  /** Puts libraries in the place of those of the same name, if no function has the name of another library's. */
  private add(libraries: readonly Library[], flushes: boolean): void {
    const added = new Map<string, ScriptFunction>();
    const replaced = new Set(libraries.map(({ name }) => name));
    for (const library of libraries) {
      for (const [name, declared] of library.functions) {
        const key = name.toLowerCase();
        const present = flushes ? undefined : this.functions.get(key);
        const isTaken = added.has(key) || (present !== undefined && !replaced.has(present.library.name));
        if (isTaken) throw new LibraryError(`ERR Function ${name} already exists`);
        added.set(key, declared);
      }
    }
    if (flushes) this.clear();
    for (const library of libraries) {
      this.delete(library.name);
      this.byName.set(library.name, library);
    }
    for (const [key, declared] of added) this.functions.set(key, declared);
  }

  private readMetadata(code: string): ReturnType<typeof readLibraryShebang> {
    try {
      const source = readLibraryShebang(code);
      if (source.engine.toLowerCase() !== 'lua') throw new LibraryError(`ERR Engine '${source.engine}' not found`);
      return source;
    } catch (error) {
      if (error instanceof ShebangError) throw new LibraryError(error.message);
      throw error;
    }
  }

  /** Runs a library's code and collects what it registers. */
  private build(name: string, engineName: string, code: string, body: string): Library {
    const { engine, api } = this;
    const library = new Library(name, engineName.toUpperCase(), code);
    let main: LuaFunction;
    try {
      main = compile(body, '@user_function').bind(this.environment);
    } catch (error) {
      if (error instanceof LuaSyntaxError) throw new LibraryError(`ERR Error compiling function: ${error.message}`);
      throw error;
    }
    // While it loads, a library sees nothing but the `redis` that can register functions.
    const globals = new LuaTable();
    globals.set(
      'redis',
      api.libraryTable((declaration) => this.register(library, declaration)),
    );
    protectGlobals(globals);
    this.environmentMeta.set('__index', globals);
    this.loading = library;
    const run = new Execution(engine, main, []);
    const endMs = this.steadyClock() + LOAD_MS_MAX;
    const state = run.advance(() => this.steadyClock() < endMs);
    this.environmentMeta.set('__index', engine.globals);
    this.loading = undefined;
    if (state === 'suspended') {
      run.kill();
      throw new LibraryError('ERR Error registering functions: FUNCTION LOAD timeout');
    }
    if (state === 'failed') throw new LibraryError(`ERR Error registering functions: ${errorText(run.error!)}`);
    if (library.functions.size === 0) throw new LibraryError('ERR No functions registered');
    return library;
  }

  private register(library: Library, { name, callback, description, flags }: FunctionDeclaration): void {
    // A function may have kept the table of its library's loading.
    if (this.loading !== library)
      throw tableError('redis.register_function can only be called on FUNCTION LOAD command');
    if (library.functions.has(name)) throw tableError('Function already exists in the library');
    library.functions.set(name, { name, callback, description, flagNames: flags, flags: flagBits(flags), library });
  }
}

function tableError(message: string): LuaError {
  const table = new LuaTable();
  table.set('err', `ERR ${message}`);
  return new LuaError(table, 0);
}
