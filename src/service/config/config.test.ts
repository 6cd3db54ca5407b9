// config: reading, setting, rewriting, and the same questions put to redis-server.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findFreePort, peerMissing, startRedis } from '../../../test/peer.js';
import { Prng } from '../../base/prng.js';
import { quote, splitWords } from '../../base/quoting.js';
import { Connection } from '../../client/connection.js';
import { isAggregate, replyText } from '../../client/reply.js';
import { RealFiles } from '../../io/files.js';
import { EventClass } from '../../keyspace/events.js';
import { keyspaceEventFlags } from '../keyspace-events.js';
import { Config } from './config.js';
import { ConfigError, ConfigFileMissing } from './config-error.js';
import { ConfigReader, linesOfOptions, parseCommandLine, type Directives } from './file.js';
import { options } from './options.js';
import { rewriteConfigFile, rewriteText } from './rewrite.js';

const seed = Number(process.env.SEED ?? 4711);
const anywhere = { loading: false, local: true };
const noDirectives: Directives = {
  user: () => undefined,
  renameCommand: () => undefined,
  loadModule: () => undefined,
};

function withFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'kvasir-config-'));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function read(text: string, folder = tmpdir(), directives = noDirectives): Config {
  const config = new Config(folder);
  new ConfigReader(config, new RealFiles(), directives).load(undefined, text, '');
  return config;
}

describe('config lines', () => {
  it('are split at spaces, with quotes and escapes', () => {
    assert.deepEqual(splitWords('a  "b c" \'d"e\' "\\x41\\n\\"" f'), ['a', 'b c', 'd"e', 'A\n"', 'f']);
    assert.deepEqual(splitWords('\'it\\\'s\' "" x"y z"'), ["it's", '', 'xy z']);
    for (const broken of ['"a', "'a", '"a"b', "'a'b", '"a\\']) assert.equal(splitWords(broken), undefined, broken);
  });

  it(`come back from quote whatever bytes they hold (seed ${seed})`, () => {
    const prng = new Prng(seed);
    for (let round = 0; round < 2000; round++) {
      const word = String.fromCharCode(...Array.from({ length: prng.below(12) }, () => prng.below(256)));
      assert.deepEqual(splitWords(quote(word)), [word]);
    }
  });
});

describe('config files', () => {
  it('set values, the last line wins', () => {
    const config = read(
      '# comment\n\nmaxmemory 100mb\r\nMaxMemory 2gb\nappendfilename "my \\x61of"\nslave-priority 7\n',
    );
    assert.equal(config.number('maxmemory').value, 2 ** 31);
    assert.equal(config.text('appendfilename').value, 'my aof');
    assert.equal(config.number('replica-priority').value, 7);
  });

  it('replace the save points once and then add to them', () => {
    assert.equal(read('save 100 1\nsave 200 2\n').special('save').print(), '100 1 200 2');
    assert.equal(read('save 100 1\nsave ""\n').special('save').print(), '');
    assert.equal(read('save ""\nsave "10 1 20 2"\n').special('save').print(), '10 1 20 2');
    assert.equal(read('').special('save').print(), '3600 1 300 100 60 10000');
  });

  it('include others, also by wildcards, relative to dir', () => {
    withFolder((folder) => {
      mkdirSync(join(folder, 'conf.d'));
      writeFileSync(join(folder, 'conf.d', 'a.conf'), 'port 1\ntimeout 5\n');
      writeFileSync(join(folder, 'conf.d', 'b.conf'), 'port 2');
      writeFileSync(join(folder, 'conf.d', '.hidden.conf'), 'port 3');
      writeFileSync(join(folder, 'wrong.conf'), '\nport x\n');
      const config = read(`include conf.d/*.conf\ninclude none-*.conf\nhz 20`, folder);
      assert.equal(config.number('port').value, 2);
      assert.equal(config.number('timeout').value, 5);
      assert.equal(config.number('hz').value, 20);
      assert.throws(
        () => read('include nowhere.conf', folder),
        (error) => {
          assert.ok(error instanceof ConfigFileMissing);
          assert.equal(error.message, "Fatal error, can't open config file 'nowhere.conf': No such file or directory");
          return true;
        },
      );
      assert.throws(
        () => read('hz 10\ninclude wrong.conf', folder),
        (error) => {
          assert.ok(error instanceof ConfigError);
          assert.equal(error.place?.lineNumber, 2);
          assert.equal(error.place?.path, join(folder, 'wrong.conf'));
          return true;
        },
      );
      writeFileSync(join(folder, 'self.conf'), 'include self.conf\n');
      assert.throws(() => read('include self.conf', folder), ConfigFileMissing);
    });
  });

  it('hand users, renames and modules to their owners', () => {
    const seen: string[] = [];
    const directives: Directives = {
      user: (words) =>
        words[0] === 'bad' ? { word: '+nope', reason: 'Unknown command' } : void seen.push(`user ${words.join(' ')}`),
      renameCommand: (from, to) => void seen.push(`rename ${from} ${to}`),
      loadModule: (words) => void seen.push(`module ${words.join(' ')}`),
    };
    read('user alice on +@all\nrename-command CONFIG ""\nloadmodule /x.so a b\n', tmpdir(), directives);
    assert.deepEqual(seen, ['user alice on +@all', 'rename CONFIG ', 'module /x.so a b']);
    assert.throws(
      () => read('user bad +nope', tmpdir(), directives),
      /Error in user declaration '\+nope': Unknown command/,
    );
  });

  it('turn command lines into lines', () => {
    assert.deepEqual(parseCommandLine(['x.conf', '--port', '7000', '--save', '', '--bind', 'a', 'b', '-']), {
      file: 'x.conf',
      standardInput: true,
      optionLines: 'port "7000" \nsave "" \nbind "a" "b" ',
    });
    assert.equal(parseCommandLine(['--save', '--port 1']).optionLines, 'save ""\nport 1 ');
    assert.equal(parseCommandLine(['--port', '1', '--save']).optionLines, 'port "1" \nsave ""');
    assert.equal(parseCommandLine(['--maxmemory', '--x']).optionLines, 'maxmemory "--x" ');
    assert.equal(
      linesOfOptions({ port: 0, appendonly: true, save: '', bind: ['a', 'b'] }),
      'port "0"\nappendonly "yes"\nsave ""\nbind "a" "b"',
    );
  });

  it('of a cluster have one database and no master', () => {
    assert.equal(read('cluster-enabled yes\ndatabases 16').number('databases').value, 1);
    assert.throws(() => read('cluster-enabled yes\nslaveof h 1'), /not allowed in cluster mode/);
  });
});

describe('CONFIG SET', () => {
  it('sets all or nothing', () => {
    const config = new Config(tmpdir());
    assert.equal(
      config.set(
        [
          ['maxmemory', '1gb'],
          ['hz', '50'],
        ],
        anywhere,
      ),
      undefined,
    );
    assert.equal(
      config.set(
        [
          ['maxmemory', '2gb'],
          ['hz', 'x'],
        ],
        anywhere,
      ),
      "ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer",
    );
    assert.equal(config.number('maxmemory').value, 2 ** 30);
  });

  it('undoes everything when a hook refuses, and runs a hook once', async () => {
    const config = new Config(tmpdir());
    const runs: string[] = [];
    config.onSet(['port', 'bind'], () => {
      runs.push(config.number('port').print());
      return config.number('port').value === 22 ? 'Unable to listen on this port.' : undefined;
    });
    assert.equal(
      config.set(
        [
          ['port', '22'],
          ['bind', 'a b'],
          ['hz', '9'],
        ],
        anywhere,
      ),
      "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port.",
    );
    assert.deepEqual(runs, ['22', '6379']);
    assert.equal(config.special('bind').print(), '* -::*');
    config.onSet(['tls-port'], async () => 'late');
    assert.equal(
      await config.set(
        [
          ['tls-port', '1'],
          ['hz', '9'],
        ],
        anywhere,
      ),
      "ERR CONFIG SET failed (possibly related to argument 'tls-port') - late",
    );
    assert.equal(config.number('tls-port').value, 0);
    assert.equal(config.number('hz').value, 10);
  });

  it('guards protected, immutable and loading-time directives', () => {
    const config = new Config(tmpdir());
    assert.match(String(config.set([['dir', '/']], anywhere)), /can't set protected config/);
    assert.match(String(config.set([['databases', '1']], anywhere)), /can't set immutable config/);
    assert.match(String(config.set([['databases', '16']], anywhere)), /can't set immutable config/);
    assert.equal(config.set([['codis-enabled', 'no']], anywhere), undefined);
    assert.match(String(config.set([['codis-enabled', 'yes']], anywhere)), /can't set immutable config/);
    assert.match(String(config.set([['repl-diskless-load', 'swapdb']], { ...anywhere, loading: true })), /^LOADING/);
    config.choice('enable-protected-configs').assign(['local']);
    assert.match(String(config.set([['dir', '/']], { ...anywhere, local: false })), /can't set protected config/);
    assert.equal(config.set([['dir', '/']], anywhere), undefined);
    assert.match(String(config.set([['dir', '/no/such']], anywhere)), /- No such file or directory$/);
  });
});

describe('CONFIG REWRITE', () => {
  it('keeps comments, order and what it does not know', () => {
    const text =
      '# top\nport 7000\n\n\n\nslave-priority 5\nwhatever 1\ninclude x.conf\nsave 1 1\nsave 2 2\nuser a on\nuser b on\n';
    const config = read(text.replace('whatever 1\n', '').replace('include x.conf\n', ''));
    assert.equal(
      config.set(
        [
          ['save', '9 9'],
          ['maxmemory', '3mb'],
          ['requirepass', 'a "b"\xff'],
        ],
        anywhere,
      ),
      undefined,
    );
    const rewritten = rewriteText(text, config, ['a off']);
    assert.deepEqual(
      rewritten.split('\n').filter((line) => !line.startsWith('dir ')),
      [
        '# top',
        'port 7000',
        '',
        'replica-priority 5',
        '# ??? whatever 1',
        'include x.conf',
        'save 9 9',
        '',
        'user a off',
        '',
        '# Generated by CONFIG REWRITE',
        'maxmemory 3mb',
        'requirepass "a \\"b\\"\\xff"',
        'latency-tracking-info-percentiles 50 99 99.9',
        '',
      ],
    );
    assert.equal(rewriteText(rewritten, config, ['a off']), rewritten, 'a second time changes nothing');
  });

  it('writes what a new start reads back', () => {
    withFolder((folder) => {
      const config = read('timeout 3\n', folder);
      config.file = join(folder, 'k.conf');
      const prng = new Prng(seed);
      for (const setting of config.all()) {
        if (setting.option.kind === 'number' && setting.option.unit === 'plain')
          setting.assign([String(prng.below(60) + 1)], false);
        if (setting.option.kind === 'flag') setting.assign([prng.chance(50) ? 'yes' : 'no'], false);
      }
      config.flag('cluster-enabled').assign(['no']);
      rewriteConfigFile(new RealFiles(), config, undefined, 'tmp');
      const again = read(readFileSync(config.file, 'latin1'), folder);
      assert.deepEqual([...again.get(['*'])], [...config.get(['*'])]);
    });
  });
});

describe('notify-keyspace-events', () => {
  it('has the bits of the keyspace', () => {
    assert.deepEqual(Object.values(keyspaceEventFlags).sort(), Object.values(EventClass).sort());
    assert.equal(keyspaceEventFlags.keyMiss, EventClass.KEY_MISS);
    assert.equal(keyspaceEventFlags.newKey, EventClass.NEW);
    assert.equal(keyspaceEventFlags.expired, EventClass.EXPIRED);
  });
});

/** A text without the letters of events that came with Redis 8.8, and without the choice of Valkey 9 for shutdowns. */
function asOf70(text: string): string {
  return text.replace("mdnSTIV'", "mdn'").replace('now, force, failover', 'now, force');
}

describe('config beside redis-server', { skip: peerMissing('redis-server') }, () => {
  it('has the same directives with the same defaults', { timeout: 600_000 }, async () => {
    const port = await findFreePort();
    const redis = await startRedis({ port });
    const connection = await Connection.open(redis);
    try {
      const reply = await connection.call('CONFIG', 'GET', '*');
      assert.ok(isAggregate(reply));
      const config = read(
        linesOfOptions({
          port,
          bind: '127.0.0.1',
          dir: redis.folder,
          logfile: join(redis.folder, 'peer.log'),
          save: '',
        }),
      );
      for (let index = 0; index < reply.elements.length; index += 2) {
        const name = replyText(reply.elements[index]);
        if (name === 'aof-disable-auto-gc' || name === 'maxclients') continue; // hidden since 7.2; depends on the system
        assert.equal(config.find(name)?.print(), replyText(reply.elements[index + 1]), name);
      }
    } finally {
      connection.close();
      await redis.stop();
    }
  });

  it(`answers CONFIG SET with the same words (seed ${seed})`, { timeout: 600_000 }, async () => {
    const redis = await startRedis({ args: ['--enable-protected-configs', 'no'] });
    const connection = await Connection.open(redis);
    try {
      const version7 = await connection.call('CONFIG', 'GET', '*');
      assert.ok(isAggregate(version7));
      const known = new Set(version7.elements.filter((_, index) => index % 2 === 0).map((name) => replyText(name)));
      const left =
        /^(tls-.*|port|bind|maxclients|activedefrag|jemalloc.*|appendonly|oom.*|repl-diskless-load|lua-.*|aof-disable.*|hz|crash.*|proc-title-template|loglevel|repl-backlog-size)$/;
      const names = options.flatMap((option) => ('alias' in option ? [option.name, option.alias] : [option.name]));
      const usable = names.filter((name) => known.has(name) && !left.test(name));
      const config = read(linesOfOptions({ dir: redis.folder, logfile: join(redis.folder, 'peer.log'), save: '' }));
      const prng = new Prng(seed);
      const values = [
        '',
        '0',
        '1',
        '-1',
        '10',
        '99',
        '100',
        '101',
        '5000',
        '65536',
        '1kb',
        '2Mb',
        '1g',
        '10k',
        '12x',
        '50%',
        '101%',
        '-5%',
        '%',
        '1.5',
        '007',
        '9223372036854775807',
        '9223372036854775808',
        '-9223372036854775808',
        '18446744073709551615',
        '99999999999999999999999',
        '+1',
        ' 1',
        'yes',
        'no',
        'YES',
        'maybe',
        'default',
        'everysec',
        'always',
        'allkeys-lru',
        'NoEviction',
        'save',
        'nosave now',
        'save nosave',
        'force  now',
        '900 1',
        '900 1 10',
        '0 1',
        '1 -1',
        '900  1',
        'normal 1 2 3',
        'replica 1mb 2k 3 pubsub 0 0 0',
        'master 1 2 3',
        'normal 1 x 3',
        'normal 1 2 -3',
        '50 99',
        '50 101',
        'fifty',
        '1 2 3',
        '0.1 1e1',
        'KEA',
        'AKE',
        'gxe',
        'Q',
        'a/b',
        'x.rdb',
        'host.name',
        'under_score',
        'debug',
        'notice',
        'clients',
        'local',
        'ip',
        'hostname',
        'panic',
      ];
      for (let round = 0; round < 3000; round++) {
        const pairs: [string, string][] = [];
        for (let count = prng.chance(80) ? 1 : 1 + prng.below(3); count > 0; count--) {
          pairs.push([
            prng.chance(3) ? 'no-such' : prng.chance(5) ? prng.pick(usable).toUpperCase() : prng.pick(usable),
            prng.pick(values),
          ]);
        }
        const theirs = await connection.call('CONFIG', 'SET', ...pairs.flat());
        const ours = await config.set(pairs, anywhere);
        const what = `CONFIG SET ${pairs
          .flat()
          .map((word) => `'${word}'`)
          .join(' ')}`;
        assert.equal(asOf70(ours ?? 'OK'), replyText(theirs), what);
        for (const [name] of pairs) {
          const got = await connection.call('CONFIG', 'GET', name);
          assert.ok(isAggregate(got));
          assert.deepEqual(
            [...config.get([name])].flat(),
            got.elements.map((element) => replyText(element)),
            what,
          );
        }
      }
    } finally {
      connection.close();
      await redis.stop();
    }
  });

  it('stops at the same wrong lines with the same words', () => {
    const version = /v=([0-9.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))![1]!;
    withFolder((folder) => {
      const wrong = [
        'port x',
        'port',
        'port 1 2',
        'nonsense 1',
        'appendonly maybe',
        'maxmemory 10q',
        'maxmemory-policy lru',
        'save 1',
        'save 0 1',
        'save a b',
        '"unbalanced',
        "'x'y 1",
        'dir /no/such/folder',
        'dbfilename a/b',
        'appendfilename ""',
        'client-output-buffer-limit normal 1 2',
        'client-output-buffer-limit foo 1 2 3',
        'databases 0',
        'unixsocketperm 999',
        'sentinel monitor a b 1 1',
        'logfile stdout/x',
        'slaveof 1.2.3.4',
        'slaveof h 70000',
        'supervised x',
        'include',
        'hz',
        'x.y',
        'oom-score-adj-values 1 2',
        'latency-tracking-info-percentiles 101',
        'shutdown-on-sigterm nosave save',
        'bind 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17',
        'tcp-backlog -1',
        'notify-keyspace-events Q',
        'rename-command onlyone',
        'user',
        'cluster-announce-hostname a_b',
        'maxmemory-clients 101%',
        'timeout 99999999999',
      ];
      for (const line of wrong) {
        const text = `# one\n\n  ${line}  \nport 0\n`;
        writeFileSync(join(folder, 'r.conf'), text);
        const theirs = spawnSync('redis-server', [join(folder, 'r.conf'), '--port', '0'], {
          cwd: folder,
          encoding: 'utf8',
          timeout: 60_000,
        });
        let ours = '';
        try {
          const reader = new ConfigReader(new Config(folder), new RealFiles(), noDirectives);
          reader.load(join(folder, 'r.conf'), '', '');
        } catch (error) {
          ours = asOf70((error as ConfigError).report(version));
        }
        // A hint may follow: how to write it, or the nearest name.
        assert.equal(ours.slice(0, theirs.stderr.length), theirs.stderr, line);
        assert.equal(theirs.status, 1, line);
      }
    });
  });

  it('rewrites a file as redis-server does', { timeout: 600_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-config-'));
    const text = [
      '# first',
      'timeout 5',
      '',
      '',
      'SAVE 100 10',
      'save 200 20',
      '',
      'maxmemory 104857600',
      'client-output-buffer-limit replica 1mb 2mb 3',
      'slave-priority 10',
      'appendfilename "a b.aof"',
      'lua-time-limit 100',
      'hash-max-ziplist-entries 3',
      'timeout 6',
      'list-max-ziplist-entries 5',
      'latency-tracking-info-percentiles 50 99.5',
      'notify-keyspace-events gK',
      'user bob on >x ~a +get',
      '# last',
      '',
    ].join('\n');
    writeFileSync(join(folder, 'k.conf'), text);
    const port = await findFreePort();
    const redis = await startRedis({ programArgs: [join(folder, 'k.conf')], folder, port });
    const sets: [string, string][] = [
      ['hz', '33'],
      ['save', '7 7'],
      ['min-slaves-to-write', '2'],
      ['requirepass', ''],
      ['proto-max-bulk-len', '2mb'],
      ['shutdown-on-sigint', 'now save'],
    ];
    try {
      const connection = await Connection.open(redis);
      await connection.call('CONFIG', 'SET', ...sets.flat());
      await connection.call('CONFIG', 'REWRITE');
      connection.close();
      const theirs = readFileSync(join(folder, 'k.conf'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .sort();
      const config = read(
        `${text}\n${linesOfOptions({ port, bind: '127.0.0.1', dir: folder, logfile: join(folder, 'peer.log'), save: '', appendonly: 'no' })}`,
      );
      await config.set(sets, anywhere);
      const users = theirs
        .filter((line) => line.startsWith('user '))
        .map((line) => line.slice(5))
        .sort((a) => (a.startsWith('bob') ? -1 : 1));
      const ours = rewriteText(text, config, users)
        .split('\n')
        .filter((line) => line !== '')
        .sort();
      assert.deepEqual(ours, theirs);
    } finally {
      await redis.stop();
    }
  });
});
