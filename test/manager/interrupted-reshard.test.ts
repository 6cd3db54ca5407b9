// interrupted-reshard: the manager is killed in the middle of moving slots, again and again, under load; the next call
// finishes what the last one began, and no key is lost or doubled.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { keySlot } from '../../src/base/key-slot.js';
import { Prng } from '../../src/base/prng.js';
import { ClusterClient } from '../../src/client/cluster-client.js';
import { openNode } from '../../src/client/open-node.js';
import { isError, replyText } from '../../src/client/reply.js';
import { systemClock } from '../../src/io/clock.js';
import { kvasirCliPath, runKvasir } from '../cli/programs.js';
import { joinNodes, startNodes, stopNodes, untilTrue } from '../cluster-peers.js';
import { kvasirServerPath, testFlags } from '../kvasir.js';
import { peerMissing, type RedisPeer } from '../peer.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const kills = Number(process.env.KVASIR_KILLS ?? 5);
const keyCount = 1500;
const env = { TERM: 'dumb' };

for (const kind of ['redis', 'kvasir'] as const)
  describe(`a reshard of ${kind} nodes that is killed`, { skip: peerMissing('redis-server', 'redis-cli') }, () => {
    let nodes: RedisPeer[];
    let client: ClusterClient;
    before(async () => {
      nodes = await startNodes(
        3,
        kind === 'redis' ? {} : { program: process.execPath, programArgs: [kvasirServerPath, ...testFlags] },
      );
      await joinNodes(nodes);
      client = await ClusterClient.open({
        seeds: nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
        clock: systemClock,
        connect: (address) => openNode(address),
        patienceMs: 120_000,
      });
    });
    after(async () => {
      client?.close();
      await stopNodes(nodes);
    });

    /** Starts a reshard of so many slots, and kills it after that many of its lines, in the middle of a slot. */
    async function killAfter(words: readonly string[], lines: number, delayMs: number): Promise<void> {
      const child = spawn(process.execPath, [kvasirCliPath, ...words], { env: { ...process.env, ...env } });
      let text = '';
      child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
        if ((text.match(/^Moving slot/gm)?.length ?? 0) > lines) setTimeout(() => child.kill('SIGKILL'), delayMs);
      });
      await new Promise((resolve) => child.once('close', resolve));
    }

    test('loses and doubles nothing', async (context) => {
      context.diagnostic(`KVASIR_SEED=${seed}`);
      const random = new Prng(seed);
      const acknowledged = new Map<string, number>();
      // Keys of the first slots of the first node, which move to and fro.
      const keys: string[] = [];
      for (let index = 0; keys.length < keyCount; index++) {
        const key = `key:${index}`;
        if (keySlot(Buffer.from(key)) < 600) keys.push(key);
      }
      await Promise.all(keys.map((key) => client.call('SET', key, '0')));
      let isOver = false;
      const load = (async () => {
        while (!isOver) {
          const key = keys[random.below(keys.length)]!;
          const reply = await client.call('INCR', key);
          assert.ok(!isError(reply), replyText(reply));
          acknowledged.set(key, (acknowledged.get(key) ?? 0) + 1);
        }
      })();
      const [first, second] = [await nodes[0]!.send('CLUSTER', 'MYID'), await nodes[1]!.send('CLUSTER', 'MYID')];
      const reshard = (from: string, to: string, slots: number): string[] => [
        ...['--cluster', 'reshard', `127.0.0.1:${nodes[2]!.port}`, '--cluster-from', from, '--cluster-to', to],
        ...['--cluster-slots', String(slots), '--cluster-pipeline', '1', '--cluster-yes'],
      ];
      for (let kill = 0; kill < kills; kill++) {
        const [from, to] = kill % 2 === 0 ? [first, second] : [second, first];
        // Nodes of Kvasir move 128 slots at a time.
        await killAfter(
          reshard(from, to, 300),
          random.below(kind === 'redis' ? 40 : 200),
          random.below(kind === 'redis' ? 4 : 40),
        );
      }
      // A call with one slot finishes the open one first.
      const last = await runKvasir(reshard(first, second, 1), { env });
      assert.equal(last.status, 0, last.stdout + last.stderr);
      await untilTrue(
        async () => (await runKvasir(['--cluster', 'check', `127.0.0.1:${nodes[0]!.port}`], { env })).status === 0,
      );
      isOver = true;
      await load;
      const owners = await runKvasir(
        ['--cluster', 'check', `127.0.0.1:${nodes[0]!.port}`, '--cluster-search-multiple-owners'],
        { env },
      );
      assert.match(owners.stdout, /\[OK\] No multiple owners found/);
      const values = await Promise.all(keys.map((key) => client.call('GET', key)));
      values.forEach((value, index) => {
        assert.equal(replyText(value), String(acknowledged.get(keys[index]!) ?? 0), keys[index]);
      });
      const sizes = await Promise.all(nodes.map((node) => node.send('DBSIZE')));
      assert.equal(
        sizes.reduce((sum, size) => sum + Number(size), 0),
        keys.length,
      );
    });

    /** States that a kill between two commands leaves, made by hand. */
    const states: [string, (slot: string, from: string, to: string) => Promise<void>, RegExp][] = [
      [
        'the target imports only',
        async (slot, from) => void (await nodes[1]!.send('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from)),
        /that had not begun\. Closing it/,
      ],
      [
        'both are open, with some keys moved',
        async (slot, from, to) => {
          await nodes[1]!.send('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
          await nodes[0]!.send('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to);
          const keys = (await nodes[0]!.send('CLUSTER', 'GETKEYSINSLOT', slot, '1')).split('\n');
          await nodes[0]!.send('MIGRATE', '127.0.0.1', String(nodes[1]!.port), '', '0', '5000', 'KEYS', ...keys);
        },
        /Moving the rest of it/,
      ],
      [
        'the target owns the slot and the source has not heard',
        async (slot, from, to) => {
          await nodes[1]!.send('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from);
          await nodes[0]!.send('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to);
          for (;;) {
            const keys = (await nodes[0]!.send('CLUSTER', 'GETKEYSINSLOT', slot, '10')).split('\n');
            if (keys[0] === '') break;
            await nodes[0]!.send('MIGRATE', '127.0.0.1', String(nodes[1]!.port), '', '0', '5000', 'KEYS', ...keys);
          }
          await nodes[1]!.send('CLUSTER', 'SETSLOT', slot, 'NODE', to);
        },
        /All \d+ slots covered/, // told by the bus meanwhile, or by the manager
      ],
    ];
    for (const [name, make, expected] of states) {
      test(`is finished when ${name}`, async () => {
        await client.refresh();
        // A slot of the first node.
        let tag = '';
        for (let index = 0; client.map.ownerOfKey(Buffer.from(tag))?.port !== nodes[0]!.port || tag === ''; index++)
          tag = `resume${index}`;
        const slot = keySlot(Buffer.from(tag));
        const keys = ['a', 'b', 'c', 'd'].map((name) => `{${tag}}${name}`);
        await Promise.all(keys.map((key) => client.call('SET', key, key)));
        const [from, to] = [await nodes[0]!.send('CLUSTER', 'MYID'), await nodes[1]!.send('CLUSTER', 'MYID')];
        await make(String(slot), from, to);
        const at = `127.0.0.1:${nodes[2]!.port}`;
        const words = [
          '--cluster',
          'reshard',
          at,
          '--cluster-from',
          to,
          '--cluster-to',
          from,
          '--cluster-slots',
          '1',
          '--cluster-yes',
        ];
        const { status, stdout, stderr } = await runKvasir(words, { env });
        assert.equal(status, 0, stdout + stderr);
        assert.match(stdout, expected);
        for (const key of keys) assert.equal(replyText(await client.call('GET', key)), key);
        await untilTrue(async () => (await runKvasir(['--cluster', 'check', at], { env })).status === 0);
      });
    }
  });
