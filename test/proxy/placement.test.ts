// Where nutcracker puts keys, for every hash, distribution, set of weights, names and tags, and where we do. The backends are
// fakes that answer with their number. KVASIR_PROXY_KEYS=100000 asks for so many keys of each pool, and KVASIR_SEED repeats a run.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { latin1 } from '../../src/base/bytes.js';
import { Prng } from '../../src/base/prng.js';
import { compareNames, makeDistribution, type DistributionName } from '../../src/proxy/placement/distribution.js';
import { findTag, tag } from '../../src/proxy/placement/hash-tag.js';
import { hashFunctions } from '../../src/base/hash-functions.js';
import { peerMissing } from '../peer.js';
import { startFakeBackend, type FakeBackend } from './fake-backend.js';
import { startNutcracker, type RunningProxy } from './nutcracker.js';
import { RawClient } from './raw-client.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const keyCount = Number(process.env.KVASIR_PROXY_KEYS ?? 400);
const BATCH = 500;
const BACKEND_COUNT = 5;

interface TestPool {
  readonly name: string;
  readonly hash: string;
  readonly distribution: DistributionName;
  readonly tag: string;
  readonly weights: readonly number[];
  readonly names: readonly (string | undefined)[];
  path: string;
}

const serverSets = [
  { tag: '', weights: [1, 1, 1, 1, 1], names: [undefined, undefined, undefined, undefined, undefined] },
  { tag: '{}', weights: [1, 2, 3, 50, 7], names: ['one', 'b', 'long_name', 'zz', 'a'] },
  { tag: '$$', weights: [1000, 1, 10], names: ['alpha', 'beta', 'alph'] },
];

function makePools(): TestPool[] {
  const pools: TestPool[] = [];
  for (const hash of hashFunctions.keys())
    for (const distribution of ['ketama', 'modula'] as const)
      for (const [index, set] of serverSets.entries())
        pools.push({ name: `${hash}_${distribution}_${index}`, hash, distribution, path: '', ...set });
  return pools;
}

function randomKey(prng: Prng): Uint8Array {
  const kind = prng.below(4);
  const length = 1 + prng.below(prng.chance(5) ? 300 : 30);
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++)
    bytes[index] = kind === 0 ? prng.below(256) : kind === 1 ? 36 + prng.below(4) : 97 + prng.below(30);
  return bytes;
}

const shown = (key: Uint8Array): string => JSON.stringify(latin1(key));

describe('placement', { skip: peerMissing('nutcracker') }, () => {
  const backends: FakeBackend[] = [];
  const pools = makePools();
  let nutcracker: RunningProxy;
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-placement-'));

  before(async () => {
    for (let index = 0; index < BACKEND_COUNT; index++)
      backends.push(await startFakeBackend(() => `$1\r\n${index}\r\n`));
    let text = '';
    for (const pool of pools) {
      pool.path = join(folder, `${pool.name}.sock`);
      text += `${pool.name}:\n  listen: ${pool.path}\n  hash: ${pool.hash}\n  distribution: ${pool.distribution}\n`;
      if (pool.tag !== '') text += `  hash_tag: "${pool.tag}"\n`;
      text += '  redis: true\n  servers:\n';
      for (const [index, weight] of pool.weights.entries()) {
        const alias = pool.names[index];
        text += `   - 127.0.0.1:${backends[index]!.port}:${weight}${alias === undefined ? '' : ` ${alias}`}\n`;
      }
    }
    nutcracker = await startNutcracker(text, pools.at(-1)!.path);
  });

  after(async () => {
    await nutcracker?.stop('SIGKILL');
    for (const backend of backends) await backend.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The numbers of the backends that nutcracker asks for the keys. */
  async function placesByNutcracker(pool: TestPool, keys: readonly Uint8Array[]): Promise<string> {
    const client = await RawClient.open(pool.path);
    let places = '';
    for (let from = 0; from < keys.length; from += BATCH) {
      const batch = keys.slice(from, from + BATCH);
      const replies = await client.pipeline(batch.map((key) => ['GET', key]));
      for (const [index, reply] of replies.entries()) {
        if (reply === undefined || !/^\$1\r\n\d\r\n$/.test(reply))
          assert.fail(
            `KVASIR_SEED=${seed}: for key ${from + index}, ${shown(batch[index]!)}, nutcracker ${reply === undefined ? 'closes' : `says ${JSON.stringify(reply)}`}\n${nutcracker.log().slice(-2000)}`,
          );
        places += reply[4];
      }
    }
    client.close();
    return places;
  }

  function placesByUs(pool: TestPool, keys: readonly Uint8Array[]): string {
    const servers = pool.weights
      .map((weight, index) => ({ weight, index, name: pool.names[index] ?? `127.0.0.1:${backends[index]!.port}` }))
      .sort((a, b) => compareNames(a.name, b.name));
    const distribution = makeDistribution(pool.distribution, servers, [...servers.keys()], new Prng(seed))!;
    const hash = hashFunctions.get(pool.hash)!;
    const rule =
      pool.tag === '' ? undefined : { open: pool.tag.charCodeAt(0), close: pool.tag.charCodeAt(1), takesEmpty: false };
    let places = '';
    for (const key of keys) {
      findTag(rule, key, 0, key.length);
      places += servers[distribution.indexOf(hash(key, tag.start, tag.length))]!.index;
    }
    return places;
  }

  for (const pool of pools) {
    test(`${pool.name} places keys as nutcracker does`, async () => {
      const prng = new Prng(seed);
      const keys = Array.from({ length: keyCount }, () => randomKey(prng));
      const theirs = await placesByNutcracker(pool, keys);
      const ours = placesByUs(pool, keys);
      for (let index = 0; index < keyCount; index++)
        if (ours[index] !== theirs[index])
          assert.fail(
            `KVASIR_SEED=${seed}: key ${index}, ${shown(keys[index]!)}, lies at server ${theirs[index]} by nutcracker, at ${ours[index]} by us; ports ${backends.map(({ port }) => port).join(' ')}`,
          );
    });
  }
});
