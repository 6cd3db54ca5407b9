// The same commands on a cluster of two Kvasirs and on one of two redis-servers: the same redirections, errors and replies.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { peerMissing } from '../peer.js';
import { Connection } from '../../src/client/connection.js';
import { ask, type ClusterTestNode, joinNodes, startNode } from './layout.js';

/** `foo` is in slot 12182 of the second node, `a` in 15495 of the second, `b` in 3300 of the first. */
type Step = readonly string[];

describe('a node of a cluster', { skip: peerMissing('redis-server', 'redis-cli'), timeout: 600_000 }, () => {
  let ours: ClusterTestNode[];
  let theirs: ClusterTestNode[];

  before(async () => {
    const make = (kind: 'kvasir' | 'redis'): Promise<ClusterTestNode[]> =>
      Promise.all([startNode(kind), startNode(kind)]);
    [ours, theirs] = await Promise.all([make('kvasir'), make('redis')]);
    await joinNodes(ours);
    await joinNodes(theirs);
  });

  after(async () => {
    for (const node of [...(ours ?? []), ...(theirs ?? [])]) await node.stop();
  });

  /** Ports and ids as the place of the node; scripts have names that differ. */
  function mask(nodes: readonly ClusterTestNode[], text: string): string {
    let masked = text;
    nodes.forEach((node, index) => {
      masked = masked.replaceAll(node.id, `id${index}`).replaceAll(`:${node.port}`, `:port${index}`);
    });
    return masked.replace(/script: [^,]*, on [^ ]*/g, 'script');
  }

  /** Steps on a fresh connection to the first node of both; words like id1 and port1 stand for those of node 1. */
  async function run(nodes: readonly ClusterTestNode[], steps: readonly Step[], place: number): Promise<string[]> {
    const link = await Connection.open({ host: '127.0.0.1', port: nodes[place]!.port });
    const seen: string[] = [];
    try {
      for (const [index, step] of steps.entries()) {
        const words = step.map((word) =>
          word
            .replace(/^id(\d)$/, (_, at: string) => nodes[Number(at)]!.id)
            .replace(/^port(\d)$/, (_, at: string) => String(nodes[Number(at)]!.port)),
        );
        seen.push(`${index} ${step.join(' ')} -> ${mask(nodes, await ask(link, ...words))}`);
      }
    } finally {
      link.close();
    }
    return seen;
  }

  async function compare(steps: readonly Step[], place = 0): Promise<void> {
    const [a, b] = await Promise.all([run(ours, steps, place), run(theirs, steps, place)]);
    assert.deepEqual(a, b);
  }

  const words = (lines: string): Step[] =>
    lines
      .trim()
      .split('\n')
      .map((line) => line.trim().split(' '));

  it('redirects commands by their keys', async () => {
    await compare(
      words(`
        SET foo 1
        GET foo
        SET b 1
        GET b
        MGET b foo
        MSET {b}1 x {b}2 y
        MGET {b}1 {b}2
        DEL {b}1 {b}2 foo
        EXISTS foo
        DEL b b
        PING
        DBSIZE
        GET
        NOSUCH foo
        OBJECT ENCODING foo
        OBJECT HELP x
        ZUNIONSTORE {b}d 2 {b}1 {a}2
        ZUNIONSTORE {a}d 2 {a}1 {a}2
        ZUNION 1 foo
        XREAD STREAMS foo 0
        SORT foo STORE {foo}x
        EVAL return|1 0
        BITOP AND foo b
        XGROUP CREATE foo g $
        MIGRATE 127.0.0.1 1 foo 0 10
        PFCOUNT b foo
        BLPOP foo b 1
        BLPOP foo 1
        LMPOP 2 foo b LEFT
        LMPOP x foo b LEFT
        GEORADIUS foo 1 1 1 km STORE {foo}d
      `),
    );
  });

  it('has one database', async () => {
    await compare(
      words(`
        SELECT 0
        SELECT 1
        SELECT x
        SWAPDB 0 1
        MOVE b 1
        COPY b {b}c
        FLUSHALL
        READONLY
        READWRITE
        ASKING
      `),
    );
  });

  it('checks the keys of transactions when they are queued and when they run', async () => {
    await compare(
      words(`
        MULTI
        SET b 1
        GET b
        EXEC
        MULTI
        GET foo
        EXEC
        MULTI
        SET b 1
        SET {x}z 1
        EXEC
        MULTI
        PING
        EXEC
        MULTI
        SET b 1
        SET c 1
        EXEC
        MULTI
        SET b 1
        MGET b foo
        SET b 2
        EXEC
        WATCH foo
        WATCH b
        EXEC
        DISCARD
        GET b
        DEL b
      `),
    );
  });

  it('checks the keys of scripts, declared and not', async () => {
    const scripts: readonly Step[] = [
      ['EVAL', "return redis.call('set', KEYS[1], 'v')", '1', 'b'],
      ['EVAL', "return redis.call('set', KEYS[1], 'v')", '1', 'foo'],
      ['EVAL', 'return 1', '2', 'b', 'foo'],
      ['EVAL', "return redis.call('get', 'b')", '0'],
      ['EVAL', "return redis.call('get', 'foo')", '0'],
      ['EVAL', "return redis.call('get', 'foo')", '1', 'b'],
      ['EVAL', "return redis.pcall('get', 'foo').err", '0'],
      ['EVAL', "return redis.call('mget', 'b', 'foo')", '0'],
      ['EVAL', "redis.call('get', 'b'); return redis.call('get', 'c')", '0'],
      ['EVAL', "#!lua\nredis.call('get', 'b'); return redis.call('get', 'c')", '0'],
      ['EVAL', "#!lua\nreturn redis.call('get', 'c')", '1', 'b'],
      ['EVAL', "#!lua flags=allow-cross-slot-keys\nredis.call('get', 'b'); return redis.call('get', 'c')", '0'],
      ['EVAL', "#!lua flags=allow-cross-slot-keys\nreturn redis.call('get', 'foo')", '0'],
      ['EVAL', '#!lua flags=allow-cross-slot-keys\nreturn 1', '2', 'b', 'c'],
      ['EVAL', '#!lua flags=no-cluster\nreturn 1', '0'],
      [
        'FUNCTION',
        'LOAD',
        'REPLACE',
        "#!lua name=l\nredis.register_function('f', function(keys) return redis.call('get', keys[1]) end)\nredis.register_function{function_name='n', callback=function() return 1 end, flags={'no-cluster'}}\nredis.register_function{function_name='x', callback=function() redis.call('get', 'b'); return redis.call('get', 'c') end, flags={'allow-cross-slot-keys'}}",
      ],
      ['FCALL', 'f', '1', 'b'],
      ['FCALL', 'f', '1', 'foo'],
      ['FCALL', 'f', '2', 'b', 'foo'],
      ['FCALL', 'n', '0'],
      ['FCALL', 'x', '0'],
      ['FUNCTION', 'FLUSH'],
      ['DEL', 'b'],
    ];
    await compare(scripts);
  });

  it('asks and is asked while a slot moves', async () => {
    const open: readonly Step[] = words(`
      SET {b}here v
      SET {b}too v
      CLUSTER SETSLOT 3300 MIGRATING id1
      GET {b}here
      GET {b}gone
      SET {b}gone x
      MGET {b}here {b}gone
      MGET {b}here {b}too
      MGET {b}gone {b}away
      MULTI
      GET {b}here
      GET {b}gone
      EXEC
      MULTI
      GET {b}here
      GET {b}here
      EXEC
      EXISTS {b}gone
      BLPOP {b}gone 1
      SPUBLISH {b}gone x
      DBSIZE
    `);
    await compare(open, 0);
    await compare(
      words(`
        CLUSTER SETSLOT 3300 IMPORTING id0
        GET {b}here
        ASKING
        GET {b}here
        GET {b}here
        ASKING
        MGET {b}here {b}too
        ASKING
        SET {b}here x
        ASKING
        MGET {b}here {b}too
        ASKING
        MGET {b}here {b}here
        ASKING
        PING
        GET {b}here
        ASKING
        MULTI
        GET {b}here
        SET {b}here y
        EXEC
        GET {b}here
        ASKING
        NOSUCH
        GET {b}here
        ASKING
        DEL {b}here
        RESTORE-ASKING {b}r 0 x
        CLUSTER COUNTKEYSINSLOT 3300
        CLUSTER SETSLOT 3300 STABLE
      `),
      1,
    );
    await compare(
      words(`
        CLUSTER SETSLOT 3300 STABLE
        DEL {b}here {b}too
      `),
      0,
    );
  });

  it('refuses what is wrong with slots', async () => {
    await compare(
      words(`
        CLUSTER ADDSLOTS 0
        CLUSTER ADDSLOTS 99999
        CLUSTER ADDSLOTS -1
        CLUSTER ADDSLOTS x
        CLUSTER ADDSLOTS 0 0
        CLUSTER DELSLOTS 8191 8191
        CLUSTER ADDSLOTSRANGE 5 1
        CLUSTER ADDSLOTSRANGE 1 5 7
        CLUSTER ADDSLOTSRANGE 1 x
        CLUSTER ADDSLOTSRANGE 1 16384
        CLUSTER DELSLOTSRANGE 5 1
        CLUSTER DELSLOTSRANGE 5 9 8 10
        CLUSTER SETSLOT 99999 STABLE
        CLUSTER SETSLOT x STABLE
        CLUSTER SETSLOT 1 NONSENSE
        CLUSTER SETSLOT 1 STABLE now
        CLUSTER SETSLOT 1 MIGRATING
        CLUSTER SETSLOT 1 MIGRATING none
        CLUSTER SETSLOT 1 IMPORTING id1
        CLUSTER SETSLOT 12182 MIGRATING id1
        CLUSTER SETSLOT 12182 IMPORTING none
        CLUSTER SETSLOT 1 NODE none
        CLUSTER COUNTKEYSINSLOT x
        CLUSTER COUNTKEYSINSLOT 16384
        CLUSTER COUNTKEYSINSLOT 3300
        CLUSTER GETKEYSINSLOT 1
        CLUSTER GETKEYSINSLOT 1 -1
        CLUSTER GETKEYSINSLOT 16384 1
        CLUSTER GETKEYSINSLOT x 1
        CLUSTER KEYSLOT {foo}bar
        CLUSTER KEYSLOT foo{}{bar}
        CLUSTER FLUSHSLOTS x
      `),
    );
  });

  it('refuses what is wrong with nodes', async () => {
    await compare(
      words(`
        CLUSTER
        CLUSTER NONSENSE
        CLUSTER MEET
        CLUSTER MEET nonsense 1
        CLUSTER MEET 127.0.0.1 x
        CLUSTER MEET 127.0.0.1 0
        CLUSTER MEET 127.0.0.1 99999
        CLUSTER MEET 127.0.0.1 1 x
        CLUSTER MEET 127.0.0.1 1 2 3
        CLUSTER FORGET none
        CLUSTER FORGET id0
        CLUSTER REPLICATE none
        CLUSTER REPLICATE id0
        CLUSTER REPLICAS none
        CLUSTER REPLICAS id0
        CLUSTER SLAVES id1
        CLUSTER COUNT-FAILURE-REPORTS none
        CLUSTER COUNT-FAILURE-REPORTS id1
        CLUSTER FAILOVER
        CLUSTER FAILOVER NONSENSE
        CLUSTER FAILOVER FORCE now
        CLUSTER SET-CONFIG-EPOCH x
        CLUSTER SET-CONFIG-EPOCH -1
        CLUSTER SET-CONFIG-EPOCH 5
        CLUSTER RESET NONSENSE
        CLUSTER RESET HARD now
        CLUSTER SAVECONFIG
        CLUSTER MYID
        CLUSTER MYID x
        REPLICAOF 127.0.0.1 1
        SLAVEOF NO ONE
      `),
    );
  });

  it('tells the slots and shards', async () => {
    const [a, b] = [ask(ours[0]!.link, 'CLUSTER', 'SLOTS'), ask(theirs[0]!.link, 'CLUSTER', 'SLOTS')];
    const bare = (nodes: ClusterTestNode[], text: string): string => {
      let masked = mask(nodes, text);
      nodes.forEach((node, index) => (masked = masked.replaceAll(String(node.port), `port${index}`)));
      return masked;
    };
    assert.equal(bare(ours, await a), bare(theirs, await b));
  });

  it('moves shard subscribers out', async () => {
    await compare([
      ['SPUBLISH', 'foo', 'x'],
      ['SPUBLISH', 'b', 'x'],
      ['PUBSUB', 'SHARDCHANNELS'],
      ['SSUBSCRIBE', 'foo'],
      ['SSUBSCRIBE', 'b', 'foo'],
    ]);
  });
});
