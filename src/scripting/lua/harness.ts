// harness: runs Lua source in tests and collects what it prints.
import { compile } from './compile.js';
import { Engine, Execution } from './engine.js';
import { native } from './native.js';
import { call, first } from './machine.js';
import { LuaSyntaxError } from './parser.js';

export interface Outcome {
  /** The output of `print`, and the error as the lua5.1 executable prints it. */
  readonly output: string;
  /** How often the run was parked. */
  readonly suspensions: number;
}

export interface HarnessOptions {
  readonly chunkName?: string;
  /** Park the run at every call and every turn of a loop. */
  readonly isFrantic?: boolean;
  /** How many of those the next slice lasts; 1 without. */
  readonly sliceLooks?: () => number;
  /** Protect the globals as Redis does. */
  readonly isProtected?: boolean;
  /** Give up after so many looks at the clock. */
  readonly looksMax?: number;
}

export function runLua(source: string, options: HarnessOptions = {}): Outcome {
  const engine = new Engine({ nowMs: () => 0 });
  let output = '';
  engine.globals.set(
    'print',
    native((...args) => {
      const toString = engine.globals.get('tostring');
      // As fputs: up to the first zero byte.
      const texts = args.map((arg) => (first(call(toString, [arg])) as string).split('\0', 1)[0]);
      output += `${texts.join('\t')}\n`;
      return [];
    }),
  );
  if (options.isProtected === true) engine.protect();
  let main;
  try {
    main = compile(source, options.chunkName ?? '@test.lua').bind(engine.globals);
  } catch (thrown) {
    if (!(thrown instanceof LuaSyntaxError)) throw thrown;
    return { output: `lua5.1: ${thrown.message}\n`, suspensions: 0 };
  }
  const isFrantic = options.isFrantic === true;
  const run = new Execution(engine, main, [], () => false, isFrantic);
  let suspensions = 0;
  let looks = 0;
  const looksMax = options.looksMax ?? 100_000;
  for (;;) {
    let looksLeft = options.sliceLooks?.() ?? 1;
    const state = run.advance(() => {
      looks++;
      return looks < looksMax && (!isFrantic || --looksLeft >= 0);
    });
    if (state !== 'suspended') break;
    suspensions++;
    if (looks >= looksMax) {
      run.kill();
      return { output: `${output}killed\n`, suspensions };
    }
  }
  if (run.error !== null) output += `lua5.1: ${String(run.error.value)}\n`;
  return { output, suspensions };
}
