// verify-program: `kvasir-sync --verify` compares two servers or clusters, and repairs the target with `--repair`.

import { Filters } from '../filters.js';
import { ClusterSink } from '../link/cluster.js';
import type { ServerAddress } from '../link/address.js';
import { KeyAccess } from '../link/key-access.js';
import { Pipeline } from '../link/pipeline.js';
import { probeServer } from '../link/probe.js';
import type { Options } from '../program/options.js';
import { restoreVersionOf, ServerSink, shownKey } from '../sinks/server-sink.js';
import { verify } from './verify.js';

const nowMs = (): number => Date.now();

export async function runVerify(words: Options, from: ServerAddress, to: ServerAddress): Promise<number> {
  const source = await KeyAccess.open(from, nowMs);
  const target = await KeyAccess.open(to, nowMs);
  let failures = 0;
  const { version, isCluster } = await probeServer(to);
  const sinkOptions = {
    mode: 'replace' as const,
    restoreVersion: version === undefined ? 0 : restoreVersionOf(version),
    nowMs,
    onError: (key: Uint8Array, message: string): void => {
      failures++;
      process.stderr.write(`key '${shownKey(key)}': ${message}\n`);
    },
  };
  const repairs = !words.flag('repair')
    ? undefined
    : isCluster
      ? await ClusterSink.open(to, sinkOptions)
      : new ServerSink(await Pipeline.open(to), sinkOptions);
  const asJson = words.flag('json');
  const result = await verify(source, target, {
    filters: new Filters(words),
    databases: await source.databases(),
    targetDatabases: await target.databases(),
    share: words.number('sample') ?? 1,
    random: Math.random,
    repairs,
    onDifference: (database, key, what) => {
      if (!asJson) process.stdout.write(`db${database} ${shownKey(key)}: ${what}\n`);
    },
  });
  source.close();
  target.close();
  await repairs?.close();
  const differences = result.different + result.missing + result.extra;
  if (asJson) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    process.stdout.write(
      `${result.compared} keys compared: ${result.different} differ, ${result.missing} missing, ${result.extra} extra, ${result.repaired} repaired\n`,
    );
  return differences === 0 || (repairs !== undefined && failures === 0) ? 0 : 1;
}
