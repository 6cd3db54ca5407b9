// coroutine: threads inside a script. A yield saves the frames up to the resume, see machine.
import {
  capture,
  drive,
  errorValue,
  Frame,
  FrameStack,
  machine,
  nativeCallsMax,
  passNative,
  raise,
  StartFrame,
  succeeded,
  takeError,
  unwinding,
} from './machine.js';
import { native, setFunctions } from './native.js';
import { argumentError, LuaError, LuaFunction, LuaTable, LuaThread, nativeError } from './values.js';
import type { LuaValue, Results } from './values.js';

/** JavaScript stack that a resume takes, as `machine.stack` counts. */
const resumeStackBytes = 1000;

export class Coroutine extends LuaThread {
  status: 'suspended' | 'running' | 'normal' | 'dead' = 'suspended';
  readonly stack = new FrameStack();
  resumer: Coroutine | null = null;
  isStarted = false;

  constructor(readonly body: LuaFunction) {
    super();
  }
}

/** Runs the coroutine until it yields, ends or fails: returns `unwinding` for a failure, and when the script is parked. */
function advance(coroutine: Coroutine, values: Results): Results {
  const resumer = machine.coroutine as Coroutine | null;
  const { stack, nativeCalls } = machine;
  coroutine.resumer = resumer;
  coroutine.status = 'running';
  if (resumer !== null) resumer.status = 'normal';
  machine.coroutine = coroutine;
  machine.stack = stack - resumeStackBytes;
  machine.nativeCalls = nativeCalls + 1;
  let results = drive(coroutine.stack, values, false);
  machine.stack = stack;
  machine.nativeCalls = nativeCalls;
  machine.coroutine = resumer;
  if (results === unwinding && machine.error === null) {
    if (machine.kind !== 'yield') return unwinding;
    coroutine.status = 'suspended';
    results = machine.yielded;
    machine.yielded = undefined;
  } else {
    coroutine.status = 'dead';
  }
  if (resumer !== null) resumer.status = 'running';
  return results;
}

/** `resume` in the frames of the resumer: goes on running the coroutine after the whole script was parked. */
class ResumeFrame extends Frame {
  constructor(
    private readonly coroutine: Coroutine,
    private readonly isProtected: boolean,
  ) {
    super();
  }

  resume(value: Results): Results {
    return resume(this.coroutine, value, this.isProtected);
  }

  override inner(): FrameStack {
    return this.coroutine.stack;
  }

  /** The stack overflowed inside the coroutine: the error belongs to its innermost frame. */
  override fail(error: LuaError): Results {
    this.coroutine.stack.push(new FailFrame(error));
    return resume(this.coroutine, undefined, this.isProtected);
  }
}

class FailFrame extends Frame {
  constructor(private readonly error: LuaError) {
    super();
  }

  override get isBoundary(): boolean {
    return false;
  }

  resume(): Results {
    return raise(this.error);
  }
}

function resume(coroutine: Coroutine, values: Results, isProtected: boolean): Results {
  const results = advance(coroutine, values);
  if (results !== unwinding) return isProtected ? succeeded(results) : results;
  const error = takeError();
  if (error === null) {
    capture(new ResumeFrame(coroutine, isProtected));
    return unwinding;
  }
  if (isProtected) return [false, errorValue(passNative(error))];
  errorValue(error);
  // `wrap` passes strings on with the position of its caller.
  error.pending = typeof error.value === 'string' ? 1 : 0;
  error.operand = 0;
  return raise(error);
}

function start(coroutine: Coroutine, args: Results, isProtected: boolean): Results {
  if (coroutine.status !== 'suspended') {
    const why = coroutine.status === 'dead' ? 'dead' : coroutine.status === 'running' ? 'running' : 'normal';
    const message = `cannot resume ${why === 'dead' ? 'dead' : `non-suspended`} coroutine`;
    if (isProtected) return [false, message];
    throw nativeError(message);
  }
  if (machine.nativeCalls >= nativeCallsMax) {
    if (isProtected) return [false, 'C stack overflow'];
    throw nativeError('C stack overflow');
  }
  if (coroutine.isStarted) return resume(coroutine, args, isProtected);
  coroutine.isStarted = true;
  coroutine.stack.push(new StartFrame(coroutine.body, args instanceof Array ? args : [args]));
  return resume(coroutine, undefined, isProtected);
}

function checkCoroutine(args: LuaValue[]): Coroutine {
  const [thread] = args;
  if (!(thread instanceof Coroutine)) throw argumentError(1, 'coroutine expected');
  return thread;
}

export function coroutineLibrary(): LuaTable {
  return setFunctions(new LuaTable(), {
    create(...args) {
      const [body] = args;
      if (!(body instanceof LuaFunction) || body.info === null) throw argumentError(1, 'Lua function expected');
      return new Coroutine(body);
    },
    resume(...args) {
      const coroutine = checkCoroutine(args);
      return start(coroutine, args.length === 2 ? args[1] : args.slice(1), true);
    },
    running() {
      const current = machine.coroutine as Coroutine | null;
      return current === null ? undefined : current;
    },
    status(...args) {
      return checkCoroutine(args).status;
    },
    wrap(...args) {
      const [body] = args;
      if (!(body instanceof LuaFunction) || body.info === null) throw argumentError(1, 'Lua function expected');
      const coroutine = new Coroutine(body);
      return native((...values) => start(coroutine, values.length === 1 ? values[0] : values, false));
    },
    yield(...args) {
      if (machine.coroutine === null) throw new LuaError('attempt to yield across metamethod/C-call boundary', 0);
      machine.yielded = args.length === 1 ? args[0] : args;
      machine.kind = 'yield';
      return unwinding;
    },
  });
}
