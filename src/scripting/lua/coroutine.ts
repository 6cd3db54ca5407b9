// coroutine: threads inside a script. A yield saves the frames up to the resume, see machine.
import {
  drive,
  errorValue,
  Frame,
  list,
  machine,
  passNative,
  StartFrame,
  suspend,
  suspension,
  toLuaError,
} from './machine.js';
import type { FrameStack } from './machine.js';
import { native, setFunctions } from './native.js';
import { argumentError, LuaError, LuaFunction, LuaTable, LuaThread, nativeError } from './values.js';
import type { LuaValue, Results } from './values.js';

/** Coroutines that resume one another; Lua has 200 levels of C calls. */
const nestingMax = 190;

export class Coroutine extends LuaThread {
  status: 'suspended' | 'running' | 'normal' | 'dead' = 'suspended';
  readonly frames: FrameStack = [];
  resumer: Coroutine | null = null;
  isStarted = false;

  constructor(readonly body: LuaFunction) {
    super();
  }
}

function nesting(): number {
  let depth = 0;
  for (let at = machine.coroutine as Coroutine | null; at !== null; at = at.resumer) depth++;
  return depth;
}

/** Runs the coroutine until it yields, ends or fails. Failures are thrown as LuaError. */
function advance(coroutine: Coroutine, values: Results): LuaValue[] {
  const resumer = machine.coroutine as Coroutine | null;
  const { stack } = machine;
  coroutine.resumer = resumer;
  coroutine.status = 'running';
  if (resumer !== null) resumer.status = 'normal';
  machine.coroutine = coroutine;
  machine.stack -= 1000;
  let failed: LuaError | null = null;
  let results: LuaValue[] = [];
  try {
    results = list(drive(coroutine.frames, values, false));
    coroutine.status = 'dead';
  } catch (thrown) {
    if (thrown === suspension) {
      if (machine.kind !== 'yield') {
        machine.coroutine = resumer;
        throw thrown;
      }
      coroutine.status = 'suspended';
      results = machine.yielded;
    } else {
      const made = toLuaError(thrown);
      coroutine.status = 'dead';
      if (!(made instanceof LuaError)) throw made;
      failed = made;
    }
  }
  machine.stack = stack;
  machine.coroutine = resumer;
  if (resumer !== null) resumer.status = 'running';
  if (failed !== null) throw failed;
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
    return this.coroutine.frames;
  }

  /** The stack overflowed inside the coroutine: the error belongs to its innermost frame. */
  override fail(error: LuaError): Results {
    this.coroutine.frames.push(new FailFrame(error));
    machine.heapFrames++;
    return resume(this.coroutine, undefined, this.isProtected);
  }
}

class FailFrame extends Frame {
  constructor(private readonly error: LuaError) {
    super();
  }

  resume(): Results {
    throw this.error;
  }
}

function resume(coroutine: Coroutine, values: Results, isProtected: boolean): Results {
  try {
    const results = advance(coroutine, values);
    return isProtected ? [true, ...results] : results;
  } catch (thrown) {
    if (thrown === suspension) {
      machine.captured.push(new ResumeFrame(coroutine, isProtected));
      throw thrown;
    }
    if (!(thrown instanceof LuaError)) throw thrown;
    if (!isProtected) {
      errorValue(thrown);
      // `wrap` passes strings on with the position of its caller.
      thrown.pending = typeof thrown.value === 'string' ? 1 : 0;
      thrown.operand = 0;
      throw thrown;
    }
    return [false, errorValue(passNative(thrown))];
  }
}

function start(coroutine: Coroutine, args: LuaValue[], isProtected: boolean): Results {
  if (coroutine.status !== 'suspended') {
    const why = coroutine.status === 'dead' ? 'dead' : coroutine.status === 'running' ? 'running' : 'normal';
    const message = `cannot resume ${why === 'dead' ? 'dead' : `non-suspended`} coroutine`;
    if (isProtected) return [false, message];
    throw nativeError(message);
  }
  if (nesting() >= nestingMax) {
    if (isProtected) return [false, 'C stack overflow'];
    throw nativeError('C stack overflow');
  }
  if (coroutine.isStarted) return resume(coroutine, args, isProtected);
  coroutine.isStarted = true;
  coroutine.frames.push(new StartFrame(coroutine.body, args));
  machine.heapFrames++;
  return resume(coroutine, undefined, isProtected);
}

class YieldFrame extends Frame {
  resume(value: Results): Results {
    return value;
  }
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
      return start(checkCoroutine(args), args.slice(1), true);
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
      return native((...values) => start(coroutine, values, false));
    },
    yield(...args) {
      if (machine.coroutine === null) throw new LuaError('attempt to yield across metamethod/C-call boundary', 0);
      machine.yielded = args;
      const thrown = suspend('yield');
      machine.captured.push(new YieldFrame());
      throw thrown;
    },
  });
}
