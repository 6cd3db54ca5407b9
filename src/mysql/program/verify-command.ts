// verify-command: `--verify`: prints what differs between tables and keys, and with `--repair` reads the tables anew.
//
// While a process follows, it does the repair itself: the tables become stale in the state, which the process notices at its next batch.
// Without one, the tables are read here.
import type { SyncConfig } from '../config/sync-config.js';
import { ConfigError } from '../config/yaml-reader.js';
import { Sync } from '../engine/sync.js';
import { SyncState, tableField } from '../engine/sync-state.js';
import { loadTransforms } from '../engine/transforms.js';
import { type Difference, verify } from '../engine/verify.js';
import { readFacts } from '../source/server-facts.js';
import { addressesOf, SourceConnection, SourceLost } from '../source/source-connection.js';
import { openTarget } from '../target/open-target.js';
import type { RedisTarget } from '../target/redis-target.js';
import { zoneOf } from '../values/time-zone.js';

const SHOWN_MAX = 50;
const PASSES = 4;
const WAIT_MS = 2000;
/** A process that gave no sign for so long counts as gone. */
const ALIVE_MS = 15_000;
const REPAIR_MS = 600_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const reader = (config: SyncConfig): Promise<RedisTarget> =>
  openTarget(config.target, { stateKey: config.target.stateKey, token: '', takesOver: false, expectsOwn: false });

const isAlive = (target: RedisTarget): boolean => Date.now() - Number(target.state.get('seen') ?? 0) < ALIVE_MS;

export async function runVerify(
  configs: readonly SyncConfig[],
  how: { repairs: boolean; quiet: boolean },
): Promise<number> {
  let status = 0;
  for (const config of configs) {
    const differences = await compare(config, how.quiet);
    if (differences.length === 0) continue;
    if (!how.repairs) status = 1;
    else {
      await repair(config, [...new Set(differences.map(({ table }) => table))]);
      if ((await compare(config, how.quiet)).length > 0) status = 1;
    }
  }
  return status;
}

async function compare(config: SyncConfig, quiet: boolean): Promise<readonly Difference[]> {
  const zone = zoneOf(config.source.timeZone);
  if (zone === undefined) throw new ConfigError(`source.time_zone: there is no time zone '${config.source.timeZone}'`);
  const target = await reader(config);
  try {
    let failure: unknown;
    for (const address of addressesOf(config.source)) {
      let control: SourceConnection;
      try {
        control = await SourceConnection.open(config.source, address);
      } catch (error) {
        failure = error;
        continue;
      }
      const facts = await readFacts(control);
      control.close();
      const transforms = await loadTransforms(config);
      const parts = { config, zone, facts, address, target, transforms, only: undefined };
      const result = await verify(parts, isAlive(target) ? PASSES : 1, () => sleep(WAIT_MS));
      for (const { table, kind, key } of result.differences.slice(0, SHOWN_MAX))
        process.stdout.write(`${kind.padEnd(9)} ${key} (${table})\n`);
      if (result.differences.length > SHOWN_MAX)
        process.stdout.write(`... and ${result.differences.length - SHOWN_MAX} more\n`);
      if (!quiet) {
        const { rows, entries, differences } = result;
        process.stdout.write(
          `${JSON.stringify({ name: config.name, rows, entries, differences: differences.length })}\n`,
        );
      }
      return result.differences;
    }
    throw failure ?? new SourceLost('no source is configured');
  } finally {
    target.close();
  }
}

async function repair(config: SyncConfig, tables: readonly string[]): Promise<void> {
  const target = await reader(config);
  const wasAlive = isAlive(target);
  try {
    const state = SyncState.read(target.state);
    const fields = new Map<string, string | undefined>();
    for (const name of tables) {
      const known = state.tables.get(name);
      const stale = {
        status: 'stale' as const,
        from: known?.from,
        schema: known?.schema,
        reason: 'verify found differences',
      };
      fields.set(`table:${name}`, tableField(stale));
    }
    await target.apply({ commands: [], state: fields, mark: undefined });
  } finally {
    target.close();
  }
  if (!wasAlive) {
    const environment = {
      now: () => Date.now(),
      say: () => undefined,
      warn: (text: string) => void process.stderr.write(`warning: ${text}\n`),
      sleep,
    };
    const chosen = { snapshotOnly: true, from: undefined, resnapshot: false, untilCurrent: false };
    await new Sync(config, chosen, environment, await loadTransforms(config)).run();
    return;
  }
  for (const giveUp = Date.now() + REPAIR_MS; Date.now() < giveUp;) {
    await sleep(500);
    const now = await reader(config);
    const state = SyncState.read(now.state);
    now.close();
    if (tables.every((name) => state.tables.get(name)?.status === 'ready')) return;
  }
}
