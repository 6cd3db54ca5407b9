// The commands of this layer, run without a socket in a host made for tests, beside redis-server.
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { peerMissing, startRedis } from '../../../test/peer.js';
import { latin1Bytes } from '../../base/bytes.js';
import { Prng } from '../../base/prng.js';
import { Connection } from '../../client/connection.js';
import { ReplyReader } from '../../client/reply-reader.js';
import { isAggregate, replyText, type Reply } from '../../client/reply.js';
import { RealFiles } from '../../io/files.js';
import { ReplyWriter } from '../../protocol/reply.js';
import { Call } from '../../registry/call.js';
import { type CommandDeclaration, fitsArity } from '../../registry/command.js';
import { CommandTable } from '../../registry/table.js';
import { allDeclarations } from '../../server/declarations.js';
import { Acl } from '../acl/acl.js';
import { AclCheck } from '../acl/denial.js';
import { AclLog } from '../acl/log.js';
import { AclCommands } from '../acl/selector.js';
import type { User } from '../acl/user.js';
import { Config } from '../config/config.js';
import type { LateReply, ServiceCall, ServiceClient, ServiceHost } from '../host.js';
import { Info } from '../info/info.js';
import { PubSub } from '../pubsub/pubsub.js';
import { CommandLog } from '../watch/command-log.js';
import { LatencyHistogram } from '../watch/latency-histogram.js';
import { LatencyMonitor } from '../watch/latency-monitor.js';

const seed = Number(process.env.SEED ?? 2024);
/** Another server than the one on the PATH, for runs by hand against newer versions. */
const program = process.env.PEER_PROGRAM ?? 'redis-server';

const everyCommand = allDeclarations as unknown as readonly CommandDeclaration<ServiceCall>[];

class TestClient implements ServiceClient {
  readonly id = 1;
  protocol: 2 | 3 = 2;
  isLocal = true;
  readonly pushed: Uint8Array[] = [];
  constructor(readonly user: User) {}
  push(bytes: Uint8Array): void {
    this.pushed.push(bytes);
  }
}

class TestHost implements ServiceHost {
  readonly table = new CommandTable<ServiceCall>(everyCommand);
  readonly config: Config;
  readonly files = new RealFiles();
  readonly aclCommands = new AclCommands(this.table.all() as Iterable<never>);
  readonly acl = new Acl(this.aclCommands, () => false);
  readonly aclCheck = new AclCheck<Call<never, never, never>>();
  readonly aclLog = new AclLog();
  readonly pubsub = new PubSub();
  readonly slowLog = new CommandLog();
  readonly largeRequests = new CommandLog();
  readonly largeReplies = new CommandLog();
  readonly latency = new LatencyMonitor();
  readonly histograms = new Map<string, LatencyHistogram>();
  readonly info = new Info();
  readonly loading = false;
  readonly processTag = 'test';
  readonly client = new TestClient(this.acl.defaultUser);
  clock = 1_700_000_000_000;

  constructor(folder = tmpdir()) {
    this.config = new Config(folder);
  }

  nowMs(): number {
    return this.clock;
  }
  log(): void {
    return;
  }
  resetStatistics(): void {
    return;
  }
  suspend(): LateReply {
    throw new Error('nothing waits in this test');
  }
  subscriptionsChanged(): void {
    return;
  }
  inTransaction(): boolean {
    return false;
  }
  forwardToReplicas(): void {
    return;
  }

  /** Runs one command and returns its replies as a reader sees them. */
  run(...words: string[]): Reply {
    const call: ServiceCall = new Call();
    call.host = this;
    call.client = this.client;
    call.reply = new ReplyWriter();
    call.reply.protocol = this.client.protocol;
    call.setArguments(words.map((word) => latin1Bytes(word)));
    let command = this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!)!;
    if (command.subcommands.size > 0) command = command.subcommands.get(words[1]!.toLowerCase())!;
    const wrong = !fitsArity(command, call.count);
    if (wrong) call.reply.error(`ERR wrong number of arguments for '${command.fullName}' command`);
    else command.run!(call);
    const reader = new ReplyReader();
    reader.feed(Buffer.from(call.reply.takeBytes()));
    return reader.next()!;
  }
}

/** A reply as plain values, to compare and to print. */
function plain(reply: Reply): unknown {
  if (isAggregate(reply)) return { [reply.kind]: reply.elements.map(plain) };
  return reply.kind === 'nil' ? null : `${reply.kind}:${replyText(reply)}`;
}

/**
 * A reply as text. From 7.2 on command rules are shown as they were given, users are told that payloads are sanitized, and
 * refusals name the user; what 7.0 does otherwise is left out.
 */
function shown(reply: Reply, asSinceVersion72: boolean): string {
  const text = JSON.stringify(plain(reply), (_, value: unknown) =>
    Array.isArray(value) && !asSinceVersion72
      ? value.filter((each, index) => value[index - 1] !== 'bulk:commands' && each !== 'bulk:sanitize-payload')
      : value,
  );
  if (asSinceVersion72) return text;
  return text
    .replace(/(This user|User \S+) has/, 'User has')
    .replace(/(Unmatched parenthesis in acl selector starting at) .*/, '$1');
}

/** Without what 7.0 words or shows otherwise. */
function withoutVersion(reply: Reply): unknown {
  return JSON.stringify(plain(reply)).replaceAll(' sanitize-payload', '').replace('Prints this', 'Print this');
}

async function withRedis(
  args: readonly string[],
  body: (connection: Connection, folder: string) => Promise<void>,
): Promise<void> {
  const redis = await startRedis({ args, program });
  const connection = await Connection.open(redis);
  try {
    await body(connection, redis.folder);
  } finally {
    connection.close();
    await redis.stop();
  }
}

const hash = 'a'.repeat(64);
const rules = [
  'on',
  'off',
  'ON',
  'nopass',
  'resetpass',
  '>secret',
  '>other',
  '<secret',
  '<none',
  `#${hash}`,
  `!${hash}`,
  '#abc',
  `#${hash.toUpperCase()}`,
  '~*',
  'allkeys',
  'resetkeys',
  '~a*',
  '%R~b*',
  '%W~b*',
  '%RW~c*',
  '%WR~c',
  '%r~d',
  '%RR~x',
  '%~x',
  '%X~x',
  '%R',
  '~a b',
  '&*',
  'allchannels',
  'resetchannels',
  '&news.*',
  '&a',
  '& b',
  '+get',
  '-get',
  '+set',
  '-SET',
  '+@read',
  '-@read',
  '+@string',
  '-@write',
  '+@all',
  '-@all',
  'allcommands',
  'nocommands',
  '+@nope',
  '+nope',
  '-nope',
  '+config|get',
  '-config|get',
  '-config|set',
  '+config',
  '-config',
  '+config|nope',
  '+acl|whoami',
  '+select|0',
  '+get|x',
  '+config|get|x',
  '+get|',
  '-@fast',
  '+@dangerous',
  '-@admin',
  '+@keyspace',
  '(+get ~x*)',
  '(+@write',
  '%R~z* -del)',
  '(~q)',
  '()',
  '(nope)',
  '(+get',
  'clearselectors',
  'reset',
  'sanitize-payload',
  'skip-sanitize-payload',
  '',
  'bogus',
  '(%W~w +set +mset)',
  '(&chan +publish)',
  '+publish',
  '+subscribe',
];
const calls = [
  ['get', 'a1'],
  ['get', 'b1'],
  ['set', 'b1', 'v'],
  ['set', 'c1', 'v'],
  ['set', 'x1', 'v', 'get'],
  ['set', 'd', 'v'],
  ['mget', 'a', 'x', 'b'],
  ['mset', 'w', '1', 'a', '2'],
  ['config', 'get', 'x'],
  ['config', 'set', 'hz', '1'],
  ['select', '0'],
  ['select', '1'],
  ['acl', 'whoami'],
  ['publish', 'news.a', 'm'],
  ['publish', 'chan', 'm'],
  ['subscribe', 'news.b', 'a'],
  ['psubscribe', 'news.*'],
  ['psubscribe', 'news.b*'],
  ['ping'],
  ['getrange', 'q', '0', '1'],
  ['append', 'w', 'x'],
  ['nosuch'],
  ['get'],
  ['strlen', 'zz'],
  ['del', 'a', 'z1'],
  ['config', 'nope'],
  ['getex', 'b1', 'persist'],
  ['setrange', 'b', '1', 'x'],
  ['copy', 'a1', 'b1'],
];

describe('ACL beside redis-server', { skip: peerMissing('redis-server') }, () => {
  it(`understands the same rules and refuses the same calls (seed ${seed})`, { timeout: 600_000 }, async () => {
    await withRedis([], async (connection) => {
      const host = new TestHost();
      const prng = new Prng(seed);
      const info = replyText(await connection.call('INFO', 'server'));
      const [major, minor] = /redis_version:(\d+)\.(\d+)/.exec(info)!.slice(1).map(Number) as [number, number];
      const keepsRules = major > 7 || minor >= 2;
      const usable = calls.filter(
        ([name]) => ['nosuch', 'get'].includes(name!) || host.aclCommands.find(name!) !== undefined,
      );
      for (let round = 0; round < 1500; round++) {
        const name = prng.pick(['u1', 'u2', 'u3', 'default2', 'bad name']);
        const words = Array.from({ length: 1 + prng.below(prng.chance(80) ? 3 : 7) }, () => prng.pick(rules));
        const what = `ACL SETUSER ${name} ${words.map((word) => `'${word}'`).join(' ')} (round ${round})`;
        const theirs = await connection.call('ACL', 'SETUSER', name, ...words);
        assert.equal(shown(host.run('ACL', 'SETUSER', name, ...words), keepsRules), shown(theirs, keepsRules), what);
        if (name === 'bad name') continue;
        const users = [host.run('ACL', 'GETUSER', name), await connection.call('ACL', 'GETUSER', name)];
        assert.equal(shown(users[0]!, keepsRules), shown(users[1]!, keepsRules), what);
        for (let count = 0; count < 4; count++) {
          const tried = prng.pick(usable);
          const verdicts = [
            host.run('ACL', 'DRYRUN', name, ...tried),
            await connection.call('ACL', 'DRYRUN', name, ...tried),
          ];
          assert.equal(
            shown(verdicts[0]!, keepsRules),
            shown(verdicts[1]!, keepsRules),
            `${what}, ACL DRYRUN ${tried.join(' ')}`,
          );
        }
        if (prng.chance(5)) {
          assert.deepEqual(
            plain(host.run('ACL', 'DELUSER', name, 'nobody')),
            plain(await connection.call('ACL', 'DELUSER', name, 'nobody')),
          );
        }
        if (keepsRules && prng.chance(10))
          assert.deepEqual(plain(host.run('ACL', 'LIST')), plain(await connection.call('ACL', 'LIST')), what);
        if (prng.chance(10))
          assert.deepEqual(plain(host.run('ACL', 'USERS')), plain(await connection.call('ACL', 'USERS')), what);
      }
    });
  });

  it('answers the rest with the same words', { timeout: 600_000 }, async () => {
    await withRedis([], async (connection) => {
      const host = new TestHost();
      for (const words of [
        ['ACL', 'CAT'],
        ['ACL', 'CAT', 'nope'],
        ['ACL', 'WHOAMI'],
        ['ACL', 'LIST'],
        ['ACL', 'USERS'],
        ['ACL', 'GETUSER', 'nobody'],
        ['ACL', 'HELP'],
        ['ACL', 'LOAD'],
        ['ACL', 'SAVE'],
        ['ACL', 'GENPASS', '0'],
        ['ACL', 'GENPASS', '5000'],
        ['ACL', 'GENPASS', 'x'],
        ['ACL', 'LOG'],
        ['ACL', 'LOG', 'RESET'],
        ['ACL', 'LOG', 'x'],
        ['ACL', 'LOG', '-1'],
        ['ACL', 'DELUSER', 'default'],
        ['ACL', 'DRYRUN', 'nobody', 'get', 'a'],
        ['ACL', 'DRYRUN', 'default', 'nope'],
        ['ACL', 'DRYRUN', 'default', 'get'],
        ['ACL', 'SETUSER', 'x', '(+get'],
        ['ACL', 'SETUSER', 'a\0b'],
        ['CONFIG', 'HELP'],
        ['CONFIG', 'GET', 'nosuch'],
        ['CONFIG', 'REWRITE'],
        ['CONFIG', 'SET', 'a', 'b', 'c'],
        ['CONFIG', 'RESETSTAT'],
        ['CONFIG', 'GET', 'MAXMEMORY', 'maxmemory'],
        ['CONFIG', 'GET', 'hash-max-listpack-v?lue'],
        ['SLOWLOG', 'HELP'],
        ['SLOWLOG', 'GET', '-2'],
        ['SLOWLOG', 'GET', 'x'],
        ['SLOWLOG', 'RESET'],
        ['SLOWLOG', 'LEN'],
        ['SLOWLOG', 'GET'],
        ['LATENCY', 'HELP'],
        ['LATENCY', 'LATEST'],
        ['LATENCY', 'HISTORY', 'command'],
        ['LATENCY', 'RESET'],
        ['LATENCY', 'GRAPH', 'command'],
        ['LATENCY', 'HISTOGRAM', 'nosuch'],
        ['PUBSUB', 'HELP'],
        ['PUBSUB', 'CHANNELS'],
        ['PUBSUB', 'NUMSUB'],
        ['PUBSUB', 'NUMSUB', 'a', 'b'],
        ['PUBSUB', 'NUMPAT'],
        ['PUBSUB', 'SHARDCHANNELS', 'x*'],
        ['PUBSUB', 'SHARDNUMSUB', 'a'],
        ['PUBLISH', 'a', 'b'],
        ['SPUBLISH', 'a', 'b'],
      ]) {
        for (const protocol of [2, 3] as const) {
          await connection.call('HELLO', String(protocol));
          host.client.protocol = protocol;
          assert.equal(
            withoutVersion(host.run(...words)),
            withoutVersion(await connection.call(...words)),
            `${words.join(' ')} in RESP${protocol}`,
          );
        }
      }
    });
  });

  it('reads an ACL file with the same complaints and writes it back', { timeout: 600_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-acl-'));
    const path = join(folder, 'users.acl');
    writeFileSync(path, 'user default on nopass ~* &* +@all\nuser alice on >x ~a* resetchannels -@all +get\n');
    try {
      await withRedis(['--aclfile', path], async (connection) => {
        const host = new TestHost(folder);
        host.config.text('aclfile').assign([path]);
        assert.deepEqual(plain(host.run('ACL', 'LOAD')), 'status:OK');
        assert.equal(withoutVersion(host.run('ACL', 'LIST')), withoutVersion(await connection.call('ACL', 'LIST')));
        for (const text of [
          'user bob on +nope ~a\n',
          'bob on\n',
          'user\n',
          'user bob on +get\nuser bob off\n',
          'user bob (+get\n',
          'user bob ~a %X~b bogus +nope\n',
          '\n\nuser bob on\n',
          '',
          'user bob on >p (~x* +get) (%R~y -@all +@read)\n',
          'user bob  on\n',
        ]) {
          writeFileSync(path, text);
          assert.deepEqual(
            plain(host.run('ACL', 'LOAD')),
            plain(await connection.call('ACL', 'LOAD')),
            JSON.stringify(text),
          );
          assert.deepEqual(
            plain(host.run('ACL', 'USERS')),
            plain(await connection.call('ACL', 'USERS')),
            JSON.stringify(text),
          );
        }
        assert.deepEqual(plain(await connection.call('ACL', 'SAVE')), 'status:OK');
        const theirs = readFileSync(path, 'utf8');
        assert.deepEqual(plain(host.run('ACL', 'SAVE')), 'status:OK');
        assert.equal(
          readFileSync(path, 'utf8').replaceAll(' sanitize-payload', ''),
          theirs.replaceAll(' sanitize-payload', ''),
        );
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('ACL', () => {
  it('keeps user objects and tells who is concerned', () => {
    const host = new TestHost();
    const told: string[] = [];
    host.acl.listener = {
      userDeleted: (user) => told.push(`deleted ${user.name}`),
      userChanged: (user) => told.push(`changed ${user.name}`),
      channelsLost: (user, left) => told.push(`${user.name} left ${left.map(({ text }) => text).join(',')}`),
    };
    assert.equal(host.acl.setUser('a', ['on', '&x', '&y', '+@all', '~*']), undefined);
    const user = host.acl.find('a')!;
    assert.ok(!user.unrestricted);
    host.acl.setUser('a', ['resetchannels', '&y']);
    assert.equal(host.acl.find('a'), user);
    host.acl.setUser('a', ['allchannels']);
    assert.ok(user.unrestricted);
    assert.match(host.acl.setUser('a', ['off', 'bogus'])!, /Syntax error/);
    assert.ok(user.enabled, 'a wrong rule changes nothing');
    host.acl.deleteUser('a');
    assert.deepEqual(told, ['changed a', 'a left y', 'changed a', 'deleted a']);
  });

  it('checks passwords, and requirepass is the password of the default user', () => {
    const { acl } = new TestHost();
    assert.equal(acl.authenticate('default', 'anything'), acl.defaultUser);
    acl.setDefaultPassword('s\xe9cret');
    assert.equal(acl.authenticate('default', 's\xe9cret'), acl.defaultUser);
    assert.equal(acl.authenticate('default', 'secret'), undefined);
    acl.setUser('u', ['>a', '>b', 'on']);
    assert.ok(acl.authenticate('u', 'b'));
    acl.setUser('u', ['off']);
    assert.equal(acl.authenticate('u', 'b'), undefined);
    assert.equal(acl.authenticate('nobody', 'b'), undefined);
  });

  it('knows who may read every key', () => {
    const { acl, aclCheck, table } = new TestHost();
    const call = new Call<never, never, never>();
    call.setArguments(['sort', 'a'].map((word) => latin1Bytes(word)));
    const sort = table.byFullName('sort') as never;
    const may = (...words: string[]): boolean => {
      acl.setUser('u', ['reset', 'on', ...words]);
      return aclCheck.allowsEveryKey(acl.find('u')!, sort, call, 1);
    };
    assert.ok(may('~*', '+sort'));
    assert.ok(may('%R~*', '+sort'));
    assert.ok(may('~a', '(%R~* +sort)'));
    assert.ok(!may('%W~*', '+sort'));
    assert.ok(!may('~a', '+sort'));
    assert.ok(!may('~*', '(~a +sort)'));
  });

  it('takes users of the config file once', () => {
    const { acl } = new TestHost();
    assert.equal(acl.appendConfigured(['bob', 'on', '>x', '+get', '+nosuchcommand']), undefined);
    assert.deepEqual(acl.appendConfigured(['bob', 'on']), {
      word: 'bob',
      reason: 'Duplicate user found. A user can only be defined once in config files',
    });
    assert.equal(acl.appendConfigured(['eve', 'bogus'])!.reason, 'Syntax error');
    const { failed, notices } = acl.loadConfigured();
    assert.ok(failed);
    assert.match(notices.at(-1)!, /Error loading ACL rule '\+nosuchcommand' for the user named 'bob': Unknown command/);
  });

  it('counts the same refusal within a minute as one', () => {
    const host = new TestHost();
    const add = (object: string): void => host.aclLog.add(2, 'toplevel', object, 'u', 'info', host.clock, 2);
    add('k1');
    host.clock += 1000;
    add('k1');
    add('k2');
    host.clock += 120_000;
    add('k1');
    assert.deepEqual(
      host.aclLog.latest(10).map(({ id, object, count }) => [id, object, count]),
      [
        [2, 'k1', 1],
        [1, 'k2', 1],
      ],
    );
  });
});

describe('INFO', () => {
  it('shows the sections that are asked for, in their order', () => {
    const host = new TestHost();
    for (const name of ['keyspace', 'commandstats', 'server', 'other'])
      host.info.provide(name, () => [['field', name]]);
    host.info.provide('server', () => [
      ['a', 1],
      ['b', 'two'],
    ]);
    const server = '# Server\r\na:1\r\nb:two\r\n';
    const keyspace = '# Keyspace\r\nfield:keyspace\r\n';
    const other = '# Other\r\nfield:other\r\n';
    const stats = '# Commandstats\r\nfield:commandstats\r\n';
    const text = (...words: string[]): string => replyText(host.run('INFO', ...words));
    assert.equal(text(), `${server}\r\n${keyspace}\r\n${other}`);
    assert.equal(text('KEYSPACE', 'Server', 'server'), `${server}\r\n${keyspace}`);
    assert.equal(text('all'), `${server}\r\n${stats}\r\n${keyspace}\r\n${other}`);
    assert.equal(text('everything'), text('all'));
    assert.equal(text('commandstats', 'default'), text('all'));
    assert.equal(text('nosuch'), '');
  });
});

describe('pub/sub commands', () => {
  it('answer as Redis does when there is nothing to unsubscribe', () => {
    const host = new TestHost();
    assert.deepEqual(plain(host.run('UNSUBSCRIBE')), { array: ['bulk:unsubscribe', null, 'integer:0'] });
    host.client.protocol = 3;
    assert.deepEqual(plain(host.run('SUBSCRIBE', 'a')), { push: ['bulk:subscribe', 'bulk:a', 'integer:1'] });
    assert.deepEqual(plain(host.run('PUBLISH', 'a', 'm')), 'integer:1');
    assert.equal(host.client.pushed.length, 1);
    assert.deepEqual(plain(host.run('PUNSUBSCRIBE')), { push: ['bulk:punsubscribe', null, 'integer:1'] });
  });
});
