// The second connection of a full sync, with a master that ends or spoils either connection at each stage.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { encodeCommand } from '../../src/client/encode-command.js';
import { startKvasir, type KvasirProcess } from '../kvasir.js';
import { field, linked, until } from './mixed.js';
import { HISTORY, rdbOf, type ScriptedConnection, ScriptedMaster } from './scripted-master.js';

const BEGIN = 500;
const DATA = rdbOf({ first: '1' });
const MARK = 'e'.repeat(40);

interface Links {
  readonly main: ScriptedConnection;
  readonly second: ScriptedConnection;
}

async function start(t: TestContext, ...args: readonly string[]): Promise<KvasirProcess> {
  const server = await startKvasir({
    args: ['--enable-debug-command', 'yes', '--save', '', '--repl-rdb-channel', 'yes', ...args],
  });
  t.after(() => server.stop());
  return server;
}

/** A link without the pauses that the failures of the one before have earned. */
async function followAnew(replica: KvasirProcess, master: ScriptedMaster): Promise<ScriptedConnection> {
  await replica.send('REPLICAOF', 'NO', 'ONE');
  await replica.send('REPLICAOF', '127.0.0.1', String(master.port));
  const main = await master.accept();
  await main.untilPsync();
  main.write('+RDBCHANNELSYNC 42\r\n');
  return main;
}

async function openSecond(replica: KvasirProcess, master: ScriptedMaster): Promise<Links> {
  const main = await followAnew(replica, master);
  return { main, second: await master.accept() };
}

/** The stages of a sync; each returns the connections that there are then. */
const stages: readonly (readonly [string, (replica: KvasirProcess, master: ScriptedMaster) => Promise<Links>])[] = [
  ['after it was opened', openSecond],
  [
    'after its PSYNC',
    async (replica, master) => {
      const links = await openSecond(replica, master);
      await links.second.untilPsync();
      return links;
    },
  ],
  [
    'before the data',
    async (replica, master) => {
      const links = await openSecond(replica, master);
      await links.second.untilPsync();
      links.second.write(`+FULLRESYNC ${HISTORY} ${BEGIN}\r\n`);
      links.main.say(['SET', 'stream', '1']);
      return links;
    },
  ],
  [
    'in the data',
    async (replica, master) => {
      const links = await openSecond(replica, master);
      await links.second.untilPsync();
      links.second.write(`+FULLRESYNC ${HISTORY} ${BEGIN}\r\n$EOF:${MARK}\r\n`);
      links.second.write(DATA.subarray(0, 12));
      links.main.say(['SET', 'stream', '1']);
      await until(async () => (await field(replica, 'replication', 'master_sync_in_progress')) === '1');
      return links;
    },
  ],
];

/** What a master may say on the second connection after the PSYNC, none of which is data. */
const nonsense: readonly (readonly [string, string | Uint8Array])[] = [
  ['an error', '-ERR no data for you\r\n'],
  ['a history to go on with', `+CONTINUE ${HISTORY}\r\n`],
  ['a third connection', '+RDBCHANNELSYNC 43\r\n'],
  ['a wrong id', '+FULLRESYNC abc 7\r\n'],
  ['a wrong offset', `+FULLRESYNC ${HISTORY} 9999999999999999\r\n`],
  ['a line without end', 'x'.repeat(10_000)],
  ['a length below zero', `+FULLRESYNC ${HISTORY} 7\r\n$-1\r\n`],
  ['an error instead of the data', `+FULLRESYNC ${HISTORY} 7\r\n-ERR disk full\r\n`],
  ['data that is torn', Buffer.concat([Buffer.from(`+FULLRESYNC ${HISTORY} 7\r\n$12\r\n`), DATA.subarray(0, 12)])],
  ['no data at all', `+FULLRESYNC ${HISTORY} 7\r\n$0\r\n`],
];

describe('a full sync over two connections that goes wrong', { timeout: 600_000 }, () => {
  it('ends both connections and begins anew, whichever ends and when', async (t) => {
    const master = await ScriptedMaster.start(t);
    const replica = await start(t);
    for (const [name, reach] of stages) {
      for (const which of ['main', 'second'] as const) {
        const links = await reach(replica, master);
        links[which].end();
        await links[which === 'main' ? 'second' : 'main'].closed();
        const again = await master.accept();
        assert.equal((await again.untilPsync())[0], 'PSYNC', `${which} ${name}`);
        assert.equal(await replica.send('PING'), 'PONG');
      }
    }
    assert.equal(await replica.send('DBSIZE'), '0');
  });

  it('ends both connections when the second brings no data', async (t) => {
    const master = await ScriptedMaster.start(t);
    const replica = await start(t);
    for (const [name, bytes] of nonsense) {
      const { main, second } = await openSecond(replica, master);
      assert.deepEqual(await second.untilPsync(), ['PSYNC', '?', '-1']);
      second.write(bytes);
      await Promise.all([main.closed(), second.closed()]);
      const again = await master.accept();
      assert.equal((await again.untilPsync())[0], 'PSYNC', name);
    }
    assert.match(replica.log(), /the master sends no data: -ERR no data for you/);
    assert.match(replica.log(), /the master has aborted the synchronisation: ERR disk full/);
  });

  it('asks on the second connection in the words that Redis 8 uses', async (t) => {
    const master = await ScriptedMaster.start(t);
    const replica = await start(t, '--masterauth', 'secret');
    const { second } = await openSecond(replica, master);
    const seen: string[] = [];
    assert.deepEqual(await second.untilPsync(seen), ['PSYNC', '?', '-1']);
    assert.deepEqual(seen, [
      'AUTH secret',
      `REPLCONF capa eof rdb-only 1 rdb-channel 1 main-ch-client-id 42 listening-port ${replica.port}`,
    ]);
  });

  it('keeps the stream that had come when the master dies while the data is loaded', async (t) => {
    const master = await ScriptedMaster.start(t);
    const replica = await start(t, '--key-load-delay', '20000');
    const { main, second } = await openSecond(replica, master);
    await second.untilPsync();
    second.write(`+FULLRESYNC ${HISTORY} ${BEGIN}\r\n`);
    const end = BEGIN + main.say(['SET', 'last', 'words'], ['INCR', 'count']);
    main.say(['MULTI'], ['INCR', 'count']);
    await until(async () => Number(await field(replica, 'replication', 'replica_full_sync_buffer_size')) > 80);
    second.sendData(rdbOf(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`key:${index}`, 'x']))));
    await until(async () => (await field(replica, 'persistence', 'loading')) === '1');
    main.end();
    second.end();
    await until(async () => replica.log().includes('Aborting rdb channel sync while loading the RDB'));
    await replica.send('CONFIG', 'SET', 'key-load-delay', '0');
    const next = await master.accept();
    assert.deepEqual(await next.untilPsync(), ['PSYNC', HISTORY, String(end + 1)]);
    assert.equal(await replica.send('GET', 'last'), 'words');
    assert.equal(await replica.send('GET', 'count'), '1');
    next.write(`+CONTINUE ${HISTORY}\r\n`);
    const whole = end + next.say(['MULTI'], ['INCR', 'count'], ['EXEC']);
    await until(async () => (await field(replica, 'replication', 'slave_repl_offset')) === String(whole));
    assert.equal(await replica.send('GET', 'count'), '2');
  });

  it('does not hinder REPLICAOF, FLUSHALL, CONFIG SET and SHUTDOWN on the replica', async (t) => {
    const master = await ScriptedMaster.start(t);
    const replica = await start(t);
    const [, , , [, inData]] = stages as [unknown, unknown, unknown, (typeof stages)[number]];
    const first = await inData(replica, master);
    assert.equal(await replica.send('CONFIG', 'SET', 'repl-rdb-channel', 'no'), 'OK');
    assert.match(await replica.send('FLUSHALL'), /READONLY/);
    // What has begun goes on with two connections.
    first.second.write(DATA.subarray(12));
    first.second.write(MARK);
    await linked(replica);
    assert.equal(await replica.send('GET', 'stream'), '1');
    assert.equal(await replica.send('CONFIG', 'SET', 'repl-rdb-channel', 'yes'), 'OK');
    const other = await inData(replica, master);
    await replica.send('REPLICAOF', 'NO', 'ONE');
    await Promise.all([other.main.closed(), other.second.closed()]);
    // The old data is complete still, and its history has a new name.
    assert.equal(await replica.send('GET', 'first'), '1');
    assert.equal(await replica.send('SET', 'own', '1'), 'OK');
    const last = await inData(replica, master);
    const ended = replica.send('SHUTDOWN', 'NOSAVE');
    await Promise.all([last.main.closed(), last.second.closed(), ended]);
  });
});

/** A connection to a master that speaks as a replica. */
class Raw {
  text = '';
  private constructor(private readonly socket: Socket) {}

  static async open(t: TestContext, port: number): Promise<Raw> {
    const socket = connect(port, '127.0.0.1');
    const raw = new Raw(socket);
    t.after(() => socket.destroy());
    socket.on('data', (bytes: Buffer) => (raw.text += bytes.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => (raw.isClosed = true));
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return raw;
  }

  isClosed = false;

  /** Sends a command and waits for a line. */
  async ask(...words: readonly string[]): Promise<string> {
    this.text = '';
    this.socket.write(encodeCommand(words));
    await until(async () => this.text.includes('\r\n') || this.isClosed);
    return this.text;
  }

  close(): void {
    this.socket.destroy();
  }
}

const CAPABILITIES = ['REPLCONF', 'capa', 'eof', 'capa', 'psync2', 'capa', 'rdb-channel-repl'];

async function awaitsData(t: TestContext, master: KvasirProcess): Promise<{ main: Raw; id: string }> {
  const main = await Raw.open(t, master.port);
  await main.ask(...CAPABILITIES);
  const [, id] = /^\+RDBCHANNELSYNC (\d+)\r\n/.exec(await main.ask('PSYNC', '?', '-1'))!;
  return { main, id: id! };
}

describe('a master with replicas that misuse the second connection', { timeout: 600_000 }, () => {
  it('gives the data of one replica to one connection', async (t) => {
    const master = await start(t, '--repl-diskless-sync-delay', '0');
    const { main, id } = await awaitsData(t, master);
    const second = await Raw.open(t, master.port);
    assert.equal(await second.ask('REPLCONF', 'rdb-channel', '1', 'main-ch-client-id', id), '+OK\r\n');
    assert.equal(await second.ask('REPLCONF', 'rdb-channel', '1', 'main-ch-client-id', id), '+OK\r\n');
    const third = await Raw.open(t, master.port);
    assert.match(await third.ask('REPLCONF', 'main-ch-client-id', id), /^-ERR Unrecognized RDB client id/);
    // One that belongs to somebody cannot go to somebody else, and a replica, which gets no replies, cannot become a second connection.
    const other = await awaitsData(t, master);
    assert.match(await second.ask('REPLCONF', 'main-ch-client-id', other.id), /^-ERR Unrecognized RDB client id/);
    assert.equal(await field(master, 'replication', 'connected_slaves'), '2');
    await other.main.ask('REPLCONF', 'main-ch-client-id', id);
    assert.ok(other.main.isClosed);
    assert.match(await second.ask('PSYNC', '?', '-1'), /^\+FULLRESYNC [0-9a-f]{40} \d+\r\n/);
    await until(async () => (await field(master, 'replication', 'slave0')).includes('send_bulk_and_stream'));
    assert.equal(await field(master, 'replication', 'connected_slaves'), '1');
    assert.ok(!main.isClosed);
  });

  it('ends the first connection with the second, and the second with the first', async (t) => {
    const master = await start(t, '--repl-diskless-sync-delay', '60');
    for (const which of ['main', 'second'] as const) {
      for (const isPaired of [false, true]) {
        const { main, id } = await awaitsData(t, master);
        const second = await Raw.open(t, master.port);
        await second.ask('REPLCONF', 'rdb-channel', '1', 'main-ch-client-id', id);
        if (isPaired) void second.ask('PSYNC', '?', '-1');
        await until(async () => (await master.send('CLIENT', 'LIST')).includes(isPaired ? 'flags=SC' : 'cmd=replconf'));
        (which === 'main' ? main : second).close();
        await until(async () => (which === 'main' ? second : main).isClosed);
        await until(async () => (await field(master, 'replication', 'connected_slaves')) === '0');
      }
    }
    assert.equal(await field(master, 'persistence', 'rdb_bgsave_in_progress'), '0');
  });

  it('refuses a second connection that wants a part of the data', async (t) => {
    const master = await start(t, '--repl-diskless-sync-delay', '0');
    const { main, id } = await awaitsData(t, master);
    const second = await Raw.open(t, master.port);
    await second.ask('REPLCONF', 'capa', 'eof', 'rdb-filter-only', 'functions', 'main-ch-client-id', id);
    assert.match(await second.ask('PSYNC', '?', '-1'), /^-ERR Unrecognized RDB client id/);
    second.close();
    await until(async () => main.isClosed);
  });

  it('keeps the connection of one that wants the data alone for as long as DEBUG says', async (t) => {
    const master = await start(t, '--repl-diskless-sync-delay', '0');
    const fetchData = async (): Promise<Raw> => {
      const raw = await Raw.open(t, master.port);
      await raw.ask('REPLCONF', 'capa', 'eof', 'rdb-only', '1');
      await raw.ask('PSYNC', '?', '-1');
      await until(async () => {
        const mark = /\$EOF:(.{40})\r\n/.exec(raw.text)?.[1];
        return mark !== undefined && raw.text.split(mark).length === 3;
      });
      return raw;
    };
    await master.send('DEBUG', 'DELAY-RDB-CLIENT-FREE-SECONDS', '3600');
    const stays = await fetchData();
    await until(async () => master.log().includes('should be disconnected asap'));
    await master.send('DEBUG', 'DELAY-RDB-CLIENT-FREE-SECONDS', '0');
    const goes = await fetchData();
    await until(async () => goes.isClosed);
    assert.ok(!stays.isClosed);
  });

  it('sends the data in a file when repl-diskless-sync is turned off meanwhile', async (t) => {
    const master = await start(t, '--repl-diskless-sync-delay', '0');
    await master.send('SET', 'key', 'value');
    const { main, id } = await awaitsData(t, master);
    await master.send('CONFIG', 'SET', 'repl-diskless-sync', 'no', 'repl-rdb-channel', 'no');
    const second = await Raw.open(t, master.port);
    await second.ask('REPLCONF', 'capa', 'eof', 'rdb-only', '1', 'rdb-channel', '1', 'main-ch-client-id', id);
    await second.ask('PSYNC', '?', '-1');
    await until(async () => second.isClosed);
    assert.match(second.text, /^\+FULLRESYNC [^]*\r\n\n*\$\d+\r\nREDIS[^]*value/);
    await master.send('SET', 'after', '1');
    await until(async () => main.text.includes('after'));
    assert.ok(!main.isClosed);
    // A master that ends waits for its replicas.
    main.close();
  });
});
