// hostile-worker: runs the data tools within a thread, so that one that hangs can be ended, and watches what they print and allocate.
//
// A single buffer bigger than BUFFER_MAX is a fault: the files are of a few kilobytes, or a few megabytes. Only the heap of V8 has a
// bound of its own (resourceLimits).

import { parentPort } from 'node:worker_threads';

export interface Job {
  readonly tool: string;
  readonly words: readonly string[];
}

export interface Outcome {
  readonly status: number;
  /** What was printed on the error output, or by kvasir-server. */
  readonly text: string;
  readonly printed: number;
  readonly biggestBuffer: number;
  readonly ms: number;
}

const TEXT_MAX = 100_000;

let text = '';
let printed = 0;
let biggestBuffer = 0;

function note(bytes: unknown): void {
  if (typeof bytes === 'number' && bytes > biggestBuffer) biggestBuffer = bytes;
}

/** Before the tools are loaded: memory that is only asked for is not resident, so nobody else sees it. */
function watchBuffers(): void {
  for (const name of ['Uint8Array', 'ArrayBuffer'] as const) {
    const Original = globalThis[name] as unknown as new (...args: unknown[]) => object;
    const Watched: unknown = new Proxy(Original, {
      construct(target, args, newTarget) {
        note(args[0]);
        return Reflect.construct(target, args, newTarget === Watched ? target : newTarget) as object;
      },
    });
    Object.assign(globalThis, { [name]: Watched });
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name] as (bytes: number, ...rest: unknown[]) => Buffer;
    Object.assign(Buffer, {
      [name]: (bytes: number, ...rest: unknown[]) => {
        note(bytes);
        return original.call(Buffer, bytes, ...rest);
      },
    });
  }
}

function capture(stream: NodeJS.WriteStream, isKept: boolean): void {
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    printed += chunk.length;
    if (isKept && text.length < TEXT_MAX) text += Buffer.from(chunk as string).toString();
    const callback = typeof encoding === 'function' ? encoding : done;
    if (typeof callback === 'function') setImmediate(callback as () => void);
    return true;
  }) as typeof stream.write;
}

async function run({ tool, words }: Job): Promise<number> {
  if (tool === 'explain') {
    const { explainConfig } = await import('../../src/doctor/explain-config.js');
    return explainConfig(words, (shown) => void process.stderr.write(shown));
  }
  const { runProgram, runCommands } = await import('../../src/transfer/program/program.js');
  switch (tool) {
    case 'kvasir-dump':
      return runProgram((await import('../../src/transfer/dump/dump-program.js')).dumpProgram, words);
    case 'kvasir-load':
      return runProgram((await import('../../src/transfer/dump/load-program.js')).loadProgram, words);
    case 'kvasir-sync':
      return runProgram((await import('../../src/transfer/sync/sync-program.js')).syncProgram, words);
    case 'kvasir-rdb':
      return runCommands(tool, '', (await import('../../src/transfer/rdb/rdb-programs.js')).rdbPrograms, words);
    case 'kvasir-aof':
      return runCommands(tool, '', (await import('../../src/transfer/aof/aof-programs.js')).aofPrograms, words);
    case 'kvasir-plan':
      return runCommands(tool, '', (await import('../../src/transfer/plan/plan-programs.js')).planPrograms, words);
    case 'kvasir-backup':
      return runCommands(
        tool,
        '',
        (await import('../../src/transfer/backup/backup-programs.js')).backupPrograms,
        words,
      );
    default:
      throw new Error(`no tool ${tool}`);
  }
}

if (parentPort !== null) {
  const port = parentPort;
  watchBuffers();
  capture(process.stdout, false);
  capture(process.stderr, true);
  port.on('message', (job: Job) => {
    text = '';
    printed = biggestBuffer = 0;
    const startedMs = performance.now();
    const answer = (status: number): void => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeAllListeners(signal);
      process.stdout.removeAllListeners('error');
      port.postMessage({ status, text, printed, biggestBuffer, ms: performance.now() - startedMs } satisfies Outcome);
    };
    run(job).then(answer, (error: unknown) => {
      text += `not caught: ${error instanceof Error ? error.stack : String(error)}\n    at`;
      answer(-1);
    });
  });
}
