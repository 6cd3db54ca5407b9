// engine: a data server without sockets whose commands are called one after the other: for tests that need real commands
// at exact moments.

import { systemEnvironment } from '../../src/io/environment.js';
import { lookedAtClock } from './looked-at-clock.js';
import { Prng } from '../../src/base/prng.js';
import { SimulatedFiles } from '../../src/io/files-simulated.js';
import type { Keyspace } from '../../src/keyspace/keyspace.js';
import { ServerPersistenceHost } from '../../src/server/durability.js';
import { DataServer } from '../../src/server/server.js';
import { Config } from '../../src/service/config/config.js';

type Word = string | number | Uint8Array;

export interface Engine {
  readonly server: DataServer;
  readonly keyspace: Keyspace;
  /** Runs a command; its reply is lost, and a command that is not known throws. */
  run(...words: readonly Word[]): void;
  /** Moves the clock, which stands still otherwise; what is due expires. */
  tick(ms: number): void;
}

/** `lookMs`: how far each look at the steady clock moves it, so that everything that is measured took time. */
export function makeEngine(seed: number, lookMs = 0): Engine {
  let nowMs = 1_700_000_000_000;
  let lookedMs = 0;
  const server = new DataServer({
    databaseCount: 16,
    random: new Prng(seed),
    hashKey: [seed, 22],
    runId: '0'.repeat(40),
    environment: {
      ...systemEnvironment,
      files: new SimulatedFiles(),
      clock: lookedAtClock(
        () => nowMs,
        () => (lookedMs += lookMs),
      ),
    },
    log: () => undefined,
    config: new Config('/'),
    exit: () => undefined,
  });
  const host = new ServerPersistenceHost(server);
  host.beginReplay();
  server.beginTurn();
  const run = (...words: readonly Word[]): void => {
    const parts = words.map((word) => (word instanceof Uint8Array ? word : Buffer.from(String(word))));
    const starts = new Int32Array(parts.length);
    const lengths = new Int32Array(parts.length);
    let at = 0;
    parts.forEach((part, index) => {
      starts[index] = at;
      lengths[index] = part.length;
      at += part.length;
    });
    const refusal = host.replay({ bytes: new Uint8Array(Buffer.concat(parts)), starts, lengths, count: parts.length });
    if (refusal !== undefined) throw new Error(refusal);
  };
  return {
    server,
    keyspace: server.keyspace,
    run,
    tick(ms) {
      nowMs += ms;
      server.beginTurn();
      server.expireCycle.run(() => false);
      server.fieldExpireStep(() => false);
    },
  };
}
