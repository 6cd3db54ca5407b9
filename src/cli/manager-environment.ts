// manager-environment: the console, the clock and the network as the cluster manager takes them.
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { Prng } from '../base/prng.js';
import { Connection } from '../client/connection.js';
import type { Login } from '../client/open-node.js';
import type { Endpoint } from '../client/open-stream.js';
import { systemClock } from '../io/clock.js';
import type { ManagerEnvironment } from '../manager/context.js';
import type { ManagerTerminal } from '../manager/terminal.js';
import type { Console } from './console.js';
import { askPassword } from './editor/ask-password.js';
import { catchInterrupt } from './modes/interrupt.js';
import { StandardLines } from './standard-lines.js';

/** A node that does not take a connection within this is not reachable. */
const connectMsMax = 5000;

function managerTerminal(console: Console): ManagerTerminal {
  const lines = new StandardLines();
  // As redis-cli: colours for xterm and its kin. Tests play a terminal by FAKETTY.
  const looksColored = console.colors || (console.formatsForTerminal && (process.env.TERM ?? '').includes('xterm'));
  return {
    print: (text) => console.print(text),
    printBytes: (text) => console.write(text),
    complain: (text) => console.complain(text),
    flush: () => console.flush(),
    readLine: () => lines.read(),
    colors: looksColored,
    isWatched: console.stdoutTerminal && console.stderrTerminal && process.env.TERM !== 'dumb',
  };
}

/** `how`: what all connections have in common. */
export function managerEnvironment(
  console: Console,
  how: Omit<Endpoint, 'host' | 'port' | 'path'>,
  login: Login,
): ManagerEnvironment {
  const timeoutMs = how.timeoutMs !== undefined && how.timeoutMs > 0 ? how.timeoutMs : connectMsMax;
  return {
    terminal: managerTerminal(console),
    clock: systemClock,
    random: new Prng(randomBytes(4).readUInt32LE()),
    open: ({ host, port }) => Connection.open({ ...how, timeoutMs, host, port }),
    login,
    resolve: async (host) => (await lookup(host)).address,
    interrupt: catchInterrupt(),
    askPassword,
  };
}
