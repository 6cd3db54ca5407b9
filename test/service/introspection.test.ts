// A server's reports on its commands and clients: COMMAND, MODULE, CLIENT LIST and KILL with their filters.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { allDeclarations } from '../../src/server/declarations.js';
import { peerMissing } from '../peer.js';
import { Twins } from './twins.js';

/** What 7.0 tells otherwise than its successors, whom we follow; XADD's note is in words of our own. */
const changedSince70 = new Set([
  'acl|deluser',
  'acl|save',
  'acl|setuser',
  'blmove',
  'blpop',
  'brpop',
  'brpoplpush',
  'bzpopmax',
  'bzpopmin',
  'client|setname',
  'cluster|shards',
  'cluster|slots',
  'command|getkeys',
  'command|getkeysandflags',
  'config|resetstat',
  'config|rewrite',
  'latency|reset',
  'msetnx',
  'randomkey',
  'scan',
  'sinterstore',
  'wait',
  'xadd',
  'zrank',
  'zrevrank',
]);

describe('COMMAND INFO', { skip: peerMissing('redis-server') }, () => {
  it('tells of every command what redis-server tells, in both protocols', async (context) => {
    const twins = await Twins.start(1, {}, []);
    const { theirs } = await twins.step(0, ['INFO', 'server']);
    const isKnown = theirs.join().includes('redis_version:7.0.');
    for (const protocol of isKnown ? ['3', '2'] : []) {
      await twins.step(0, ['HELLO', protocol]);
      const different: string[] = [];
      for (const { name, subcommands = [] } of allDeclarations) {
        // A container's reply includes its subcommands, in no defined order.
        const names = subcommands.length === 0 ? [name] : subcommands.map((sub) => `${name}|${sub.name}`);
        for (const each of names) {
          const info = await twins.step(0, ['COMMAND', 'INFO', each]);
          if (!/^array\[nil\]$/.test(info.theirs[0]!.join()) && info.ours.join() !== info.theirs.join())
            different.push(each);
        }
      }
      assert.deepEqual(
        different.filter((name) => !changedSince70.has(name)),
        [],
      );
    }
    await twins.stop();
    if (!isKnown) context.skip('redis-server is not of 7.0');
  });
});

describe('COMMAND LIST', { skip: peerMissing('redis-server') }, () => {
  it('has every command of redis-server', async () => {
    const twins = await Twins.start(1, {}, []);
    const { ours, theirs } = await twins.step(0, ['COMMAND', 'LIST']);
    await twins.stop();
    const names = (text: string): string[] => [...text.matchAll(/(?:string|bulk):([^ \]]+)/g)].map(([, name]) => name!);
    const known = new Set(names(ours.join(' ')));
    const wanted = names(theirs.join(' '));
    assert.ok(wanted.length > 300, 'redis-server lists its commands');
    assert.deepEqual(
      wanted.filter((name) => !known.has(name)),
      [],
    );
  });
});

describe('types of replies', { skip: peerMissing('redis-server') }, () => {
  it('COMMAND LIST and DEBUG PROTOCOL are those of redis-server, in both protocols', async () => {
    const twins = await Twins.start(1, { 'enable-debug-command': 'yes' }, ['--enable-debug-command', 'yes']);
    const kinds = [
      'string',
      'integer',
      'double',
      'bignum',
      'null',
      'array',
      'set',
      'map',
      'attrib',
      'push',
      'verbatim',
      'true',
      'false',
      'nosuch',
    ];
    for (const protocol of ['3', '2']) {
      await twins.step(0, ['HELLO', protocol]);
      for (const words of [
        ...kinds.map((kind) => ['DEBUG', 'PROTOCOL', kind]),
        ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'getd*'],
      ]) {
        const { ours, theirs } = await twins.step(0, words);
        // Before 8.0 a push came in front of the reply.
        assert.deepEqual(ours[0]!.sort(), theirs[0]!.sort(), `${words.join(' ')} of RESP${protocol}`);
      }
    }
    await twins.stop();
  });
});

describe('introspection', () => {
  let server: EmbeddedServer;
  let client: Redis;

  before(async () => {
    server = await startServer();
    client = new Redis({ port: server.port, host: server.host, connectionName: 'main' });
    await client.ping();
  });

  after(async () => {
    client.disconnect();
    await server.close();
  });

  const call = (line: string): Promise<unknown> => {
    const [name, ...args] = line.split(' ');
    return client.call(name!, ...args);
  };

  it('COMMAND GETKEYSANDFLAGS tells what this very call does', async () => {
    const expected: Readonly<Record<string, unknown>> = {
      'SET k v': [['k', ['OW', 'update']]],
      'SET k v EX 10 GET': [['k', ['RW', 'access', 'update']]],
      'BITFIELD k GET u8 0': [['k', ['RO', 'access']]],
      'BITFIELD k GET u8 0 INCRBY u8 0 1': [['k', ['RW', 'access', 'update']]],
      'SORT k BY w STORE d': [
        ['k', ['RO', 'access']],
        ['d', ['OW', 'update']],
      ],
      // Of several, the last is written.
      'GEORADIUS k 1 1 1 m STORE x STORE d': [
        ['k', ['RO', 'access']],
        ['d', ['OW', 'update']],
      ],
      'GEORADIUSBYMEMBER k store 1 m STOREDIST x STORE d': [
        ['k', ['RO', 'access']],
        ['d', ['OW', 'update']],
      ],
      'GEORADIUSBYMEMBER k store 1 m WITHDIST': [['k', ['RO', 'access']]],
      'LMOVE a b LEFT LEFT': [
        ['a', ['RW', 'access', 'delete']],
        ['b', ['RW', 'insert']],
      ],
      'EVAL x 1 a': [['a', ['RW', 'access', 'update']]],
    };
    for (const [line, keys] of Object.entries(expected))
      assert.deepEqual(await call(`COMMAND GETKEYSANDFLAGS ${line}`), keys, line);
    await assert.rejects(call('COMMAND GETKEYS PING'), /The command has no key arguments/);
    await assert.rejects(call('COMMAND GETKEYS SPUBLISH c m'), /The command has no key arguments/);
    await assert.rejects(call('COMMAND GETKEYS NOSUCH'), /Invalid command specified/);
    await assert.rejects(call('COMMAND GETKEYS GET'), /Invalid number of arguments/);
    await assert.rejects(call('COMMAND GETKEYS ZINTERSTORE d 1443677133621497600 a'), /Invalid arguments specified/);
  });

  it('a user of some keys stores places in no others', async () => {
    await call('ACL SETUSER limited on nopass +@all ~app:*');
    for (const [line, isAllowed] of [
      ['GEORADIUS app:k 1 1 1 m STORE app:x', true],
      ['GEORADIUS app:k 1 1 1 m STORE app:x STORE other:y', false],
      ['GEORADIUS app:k 1 1 1 m STORE app:x STOREDIST other:y', false],
      ['GEORADIUS other:k 1 1 1 m STORE app:x', false],
      ['GEORADIUSBYMEMBER app:k m 1 m STOREDIST app:x STOREDIST other:y', false],
    ] as const)
      assert.equal((await call(`ACL DRYRUN limited ${line}`)) === 'OK', isAllowed, line);
    await call('ACL DELUSER limited');
  });

  it('a user who may only write may SET without GET, and who may only read may BITFIELD without SET', async () => {
    await call('ACL SETUSER writer on nopass +@all %W~* -@dangerous');
    await call('ACL SETUSER reader on nopass +@all %R~*');
    const dryRun = (line: string): Promise<unknown> => call(`ACL DRYRUN ${line}`);
    assert.equal(await dryRun('writer SET k v'), 'OK');
    assert.match(String(await dryRun('writer SET k v GET')), /no permissions to access the 'k' key/);
    assert.equal(await dryRun('reader BITFIELD k GET u8 0'), 'OK');
    assert.match(String(await dryRun('reader BITFIELD k SET u8 0 1')), /no permissions to access the 'k' key/);
    await call('ACL DELUSER writer reader');
  });

  it('COMMAND INFO has nothing for what is no command', async () => {
    const info = (await call('COMMAND INFO get config|get config|get|key config|none get| nosuch')) as (
      [string] | null
    )[];
    assert.deepEqual(
      info.map((entry) => entry?.[0]),
      ['get', 'config|get', undefined, undefined, undefined, undefined],
    );
  });

  it('CLIENT LIST tells what was asked last, also when it was queued, refused or unknown, and no keys of who need not watch any more', async () => {
    const other = client.duplicate();
    const id = await other.client('ID');
    const told = async (field: string): Promise<string> =>
      new RegExp(` ${field}=(\\S*)`).exec(String(await client.client('LIST', 'ID', id)))![1]!;
    await other.call('MULTI');
    await other.call('GET', 'a');
    assert.equal(await told('cmd'), 'get');
    await other.call('DISCARD');
    await assert.rejects(other.call('NOSUCH'));
    assert.equal(await told('cmd'), 'NULL');
    await assert.rejects(other.call('GET'));
    assert.equal(await told('cmd'), 'get');
    await other.watch('w1', 'w2');
    assert.equal(await told('watch'), '2');
    await client.set('w1', '1');
    assert.deepEqual([await told('watch'), await told('flags')], ['0', 'd']);
    assert.match(await client.info('clients'), /watching_clients:0\r\n[^]*total_watched_keys:0\r\n/);
    assert.equal(await other.multi().get('w2').exec(), null);
    await other.watch('w1', 'w2');
    await client.flushall();
    assert.deepEqual([await told('watch'), await told('flags')], ['0', 'd']);
    await other.unwatch();
    assert.equal(await told('flags'), 'N');
    other.disconnect();
  });

  it('MODULE: there are none, and none can be loaded', async () => {
    assert.deepEqual(await call('MODULE LIST'), []);
    await assert.rejects(call('MODULE LOAD /x.so'), /MODULE command not allowed.*enable-module-command/);
    const open = await startServer({ 'enable-module-command': 'local' });
    const other = new Redis(open.port, open.host);
    await assert.rejects(other.call('MODULE', 'LOAD', '/x.so'), /^ReplyError: ERR Error loading the extension/);
    await assert.rejects(
      other.call('MODULE', 'LOADEX', '/x.so', 'ARGS', 'a'),
      /^ReplyError: ERR Error loading the extension/,
    );
    await assert.rejects(
      other.call('MODULE', 'UNLOAD', 'x'),
      /^ReplyError: ERR Error unloading module: no such module with that name/,
    );
    other.disconnect();
    await open.close();
  });

  it('CLIENT LIST and KILL choose by any filters together', async () => {
    await call('ACL SETUSER alice on nopass +@all ~* &*');
    const others = ['one', 'two', 'alice'].map(
      (name) =>
        new Redis({
          port: server.port,
          host: server.host,
          connectionName: name,
          retryStrategy: () => null,
          ...(name === 'alice' ? { username: 'alice', password: 'x' } : {}),
        }),
    );
    const ended = others.map((other) => new Promise<void>((resolve) => other.once('end', resolve)));
    const ids = await Promise.all([client, ...others].map((each) => each.client('ID')));
    await others[1]!.subscribe('news');
    const names = async (filters: string): Promise<string> => {
      const text = String(await call(`CLIENT LIST ${filters}`.trimEnd()));
      return [...text.matchAll(/ name=(\w*)/g)].map((match) => match[1]).join(' ');
    };
    assert.equal(await names(''), 'main one two alice');
    assert.equal(await names(`ID ${ids[2]} ${ids[0]} 99999`), 'two main');
    assert.equal(await names('TYPE pubsub'), 'two');
    assert.equal(await names(`ID ${ids[0]} ${ids[2]} TYPE normal`), 'main');
    assert.equal(await names('USER alice'), 'alice');
    assert.equal(await names('USER default SKIPME yes'), 'one two');
    assert.equal(await names('MAXAGE 100000'), '');
    assert.equal(await names(`LADDR ${server.host}:${server.port} TYPE normal SKIPME YES USER default`), 'one');
    for (const [filters, error] of [
      ['ID', /syntax error/],
      ['ID x', /Invalid client ID/],
      ['ID 1 0', /Invalid client ID/],
      ['TYPE none', /Unknown client type 'none'/],
      ['USER nobody', /No such user 'nobody'/],
      ['SKIPME maybe', /syntax error/],
      ['MAXAGE 0', /maxage should be greater than 0/],
      ['WHAT x', /syntax error/],
    ] as const)
      await assert.rejects(call(`CLIENT LIST ${filters}`), error, filters);
    assert.equal(await call(`CLIENT KILL ID ${ids[1]} ${ids[3]} ${ids[0]} USER alice`), 1);
    await ended[2];
    assert.equal(await call(`CLIENT KILL ID ${ids[1]} ${ids[2]} ${ids[0]}`), 2);
    await Promise.all(ended);
    assert.equal(await names(''), 'main');
    await call('ACL DELUSER alice');
  });

  it('errors show arguments byte for byte, as they were written', async () => {
    const socket = createConnection(server.port, server.host);
    try {
      socket.setEncoding('latin1');
      for (const [words, expected] of [
        [['FUNCTION', 'LOAD', '\xff\xfe\0x', 'code'], '-ERR Unknown option given: \xff\xfe'],
        [['FUNCTION', 'LIST', '\xff'], '-ERR Unknown argument \xff'],
        [['Function', 'Stats', 'x'], "-ERR wrong number of arguments for 'function|stats' command"],
        [
          ['FUNCTION', 'FLUSH', 'a', 'b'],
          "-ERR unknown subcommand or wrong number of arguments for 'FLUSH'. Try FUNCTION HELP.",
        ],
        [
          ['CLIENT', 'SETINFO', 'Lib-Name', 'a b'],
          '-ERR Lib-Name cannot contain spaces, newlines or special characters.',
        ],
        [
          ['CLIENT', 'UNBLOCK', '1', 'TIMEOUT', 'x'],
          "-ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.",
        ],
        [['CLIENT', 'UNBLOCK', '1', 'x'], '-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR'],
        [
          ['CLIENT', 'Pause', '1', 'WRITE', 'x'],
          "-ERR unknown subcommand or wrong number of arguments for 'Pause'. Try CLIENT HELP.",
        ],
        [['ACL', 'GETUSER', 'nobody'], '$-1'],
      ] as const) {
        socket.write(encodeCommand(words.map((word) => Buffer.from(word, 'latin1'))));
        assert.deepEqual(await once(socket, 'data'), [`${expected}\r\n`]);
      }
    } finally {
      socket.destroy();
    }
  });
});
