// eval: --eval runs a Lua script from a file, once or (--ldb) in the debugger of the server.
import { readFileSync } from 'node:fs';
import { systemErrorText } from '../../base/system-error.js';
import { commandBytes } from '../command-input.js';
import type { Console } from '../console.js';
import { Exit } from '../exit.js';
import type { CliOptions } from '../options.js';
import type { LineSource } from '../line-source.js';
import { terminalPalette } from '../output/terminal-palette.js';
import { Session } from '../session.js';

export async function runEval(options: CliOptions, console: Console, words: readonly string[]): Promise<number> {
  const debugging = options.debugger !== 'off';
  const session = new Session(options, console, await terminalPalette(console));
  await session.connectOrExit();
  let source: LineSource | undefined;
  for (;;) {
    if (debugging) await session.enterDebugger();
    const { keys, args } = splitAtComma(commandBytes(words));
    if (session.debugging) {
      console.write(
        'Lua debugging session started, please use:\n' +
          'quit    -- End the session.\n' +
          'restart -- Restart the script in debug mode again.\n' +
          'help    -- Show Lua script debugging commands.\n\n',
      );
    }
    const command = [
      Buffer.from('EVAL'),
      readScript(options.evalFile!, console),
      Buffer.from(String(keys.length)),
      ...keys,
      ...args,
    ];
    if (session.debugging)
      await session.connection!.call('SCRIPT', 'DEBUG', options.debugger === 'sync' ? 'sync' : 'yes');
    const done = await session.issue(command, options.repeat);
    console.flush();
    if (!debugging) {
      session.connection?.close();
      return done ? 0 : 1;
    }
    if (!session.debugging) {
      // A session that ends at once is a script that does not compile.
      console.write("Eval debugging session can't start:\n");
      const reply = await session.read();
      if (reply !== undefined) session.show(reply);
      return done ? 0 : 1;
    }
    const { openSource, readCommands } = await import('../prompt.js');
    source ??= await openSource(session);
    if ((await readCommands(session, source)) === 'quit') {
      source.close();
      return 0;
    }
    await session.connect();
    console.write('\n');
  }
}

function readScript(file: string, console: Console): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    console.complain(`Can't open file '${file}': ${systemErrorText(error)}\n`);
    throw new Exit(1);
  }
}

/** The words before the first lone comma are keys, those after it arguments. */
function splitAtComma(words: readonly Uint8Array[]): { keys: readonly Uint8Array[]; args: readonly Uint8Array[] } {
  const comma = words.findIndex((word) => word.length === 1 && word[0] === 0x2c);
  return comma < 0 ? { keys: words, args: [] } : { keys: words.slice(0, comma), args: words.slice(comma + 1) };
}
