// run-mode: picks what an option like --bigkeys or --pipe asks for. Each lives in its own file, loaded when asked for.
import type { Console } from '../console.js';
import type { CliOptions, Mode } from '../options.js';
import { Session } from '../session.js';

type Runner = (session: Session, options: CliOptions, console: Console) => Promise<number>;

/** In the order in which redis-cli looks at them, when several are given. */
const runners: readonly [Mode, () => Promise<Runner>][] = [
  ['latency', async () => (await import('./latency.js')).runLatency],
  ['latency-dist', async () => (await import('./latency-spectrum.js')).runLatencySpectrum],
  ['replica', async () => (await import('./replica.js')).runReplicaMode],
  ['rdb', async () => (await import('./fetch-rdb.js')).runFetchRdb],
  ['functions-rdb', async () => (await import('./fetch-rdb.js')).runFetchRdb],
  ['pipe', async () => (await import('./pipe.js')).runPipe],
  ['bigkeys', async () => (await import('./big-keys.js')).runBigKeys],
  ['memkeys', async () => (await import('./big-keys.js')).runMemoryKeys],
  ['keystats', async () => (await import('./key-stats.js')).runKeyStats],
  ['hotkeys', async () => (await import('./hot-keys.js')).runHotKeys],
  ['stat', async () => (await import('./stat.js')).runStat],
  ['scan', async () => (await import('./scan.js')).runScan],
  ['lru-test', async () => (await import('./lru-test.js')).runLruTest],
  ['intrinsic-latency', async () => (await import('./intrinsic-latency.js')).runIntrinsicLatency],
];

/** The exit status; undefined when the options ask for no mode after all. */
export async function runMode(options: CliOptions, console: Console): Promise<number | undefined> {
  const session = new Session(options, console);
  for (const [mode, load] of runners) {
    if (!options.modes.has(mode)) continue;
    const run = await load();
    const status = await run(session, options, console);
    session.connection?.close();
    return status;
  }
  if (options.testHint !== undefined || options.testHintFile !== undefined) {
    const { runHintTest } = await import('./hint-test.js');
    return runHintTest(session, options, console);
  }
  return undefined;
}
