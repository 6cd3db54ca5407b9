import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1Bytes } from '../base/bytes.js';
import { agree, settle } from './agreement.js';
import { Cluster } from './cluster.js';
import { ClusterNode } from './cluster-node.js';
import type { Context } from './context.js';

const ids = ['a'.repeat(40), 'b'.repeat(40)] as const;

function viewText(self: number, boundary: number): string {
  const ranges = [`0-${boundary}`, `${boundary + 1}-16383`];
  return ids
    .map((id, index) => {
      const flags = index === self ? 'myself,master' : 'master';
      return `${id} 127.0.0.1:${7000 + index}@${17000 + index} ${flags} - 0 0 ${index} connected ${ranges[index]}\n`;
    })
    .join('');
}

/** Two nodes whose answers are given, and a clock that runs while the manager pauses. */
function stage(answer: (index: number) => string | undefined): {
  context: Context;
  cluster: Cluster;
  printed: string[];
  elapsedMs: () => number;
} {
  let nowMs = 0;
  const printed: string[] = [];
  const cluster = new Cluster();
  for (const index of ids.keys()) cluster.nodes.push(new ClusterNode({ host: '127.0.0.1', port: 7000 + index }));
  const context = {
    environment: { clock: { steadyMs: () => nowMs }, interrupt: { asked: false } },
    output: { info: (text: string) => printed.push(text), terminal: { flush: () => undefined } },
    tryCall: (node: ClusterNode) => {
      const text = answer(node.port - 7000);
      return Promise.resolve(text === undefined ? undefined : { kind: 'bulk', bytes: latin1Bytes(text) });
    },
    pause: (ms: number) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
  return { context: context as unknown as Context, cluster, printed, elapsedMs: () => nowMs };
}

test('nodes agree when they name the same owners, and not when one does not answer', async () => {
  const same = stage((index) => viewText(index, 8191));
  assert.equal(await agree(same.context, same.cluster.nodes), true);
  const other = stage((index) => viewText(index, 8191 + index));
  assert.equal(await agree(other.context, other.cluster.nodes), false);
  const silent = stage((index) => (index === 0 ? viewText(0, 8191) : undefined));
  assert.equal(await agree(silent.context, silent.cluster.nodes), false);
  const garbled = stage((index) => (index === 0 ? viewText(0, 8191) : 'nonsense'));
  assert.equal(await agree(garbled.context, garbled.cluster.nodes), false);
});

test('a cluster that agrees is not waited for', async () => {
  const { context, cluster, printed, elapsedMs } = stage((index) => viewText(index, 8191));
  assert.equal(await settle(context, cluster), cluster);
  assert.deepEqual([printed, elapsedMs()], [[], 0]);
});

test('the wait for nodes that never agree ends', async () => {
  const { context, cluster, printed, elapsedMs } = stage((index) => viewText(index, 8191 + index));
  assert.equal(await settle(context, cluster), cluster);
  assert.deepEqual(printed, ['>>> The nodes do not agree about the slots yet, waiting...\n']);
  assert.ok(elapsedMs() >= 5000 && elapsedMs() < 60_000, String(elapsedMs()));
});
