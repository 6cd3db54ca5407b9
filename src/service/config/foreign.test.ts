// foreign: files of other versions and other servers: what starts, what is said, what is refused, and what CONFIG REWRITE leaves.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nearestWord } from '../../base/nearest-word.js';
import { RealFiles } from '../../io/files.js';
import { Config } from './config.js';
import { ConfigError } from './config-error.js';
import { ConfigReader, linesOfOptions, parseCommandLine } from './file.js';
import { foreignGroups } from './foreign-directives.js';
import { rewriteText } from './rewrite.js';

let folder: string;
before(() => (folder = mkdtempSync(join(tmpdir(), 'kvasir-foreign-'))));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly config: Config;
  readonly warnings: readonly string[];
}

function readFile(text: string, options = ''): Outcome {
  const path = join(folder, 'server.conf');
  writeFileSync(path, text);
  const config = new Config(folder);
  const reader = new ConfigReader(config, new RealFiles(), {
    user: () => undefined,
    renameCommand: () => undefined,
    loadModule: () => 'no modules',
  });
  reader.load(path, '', options);
  return { config, warnings: reader.warnings };
}

function refusal(text: string, options = ''): ConfigError {
  try {
    readFile(text, options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `not refused: ${text} ${options}` });
}

/** The directives that a stock file sets, version by version, where they differ from those of today. */
const stockFiles: Readonly<Record<string, { readonly lines: readonly string[]; readonly warned: number }>> = {
  'Redis 1.3': {
    lines: [
      'daemonize no',
      'port 6379',
      'timeout 300',
      'loglevel verbose',
      'logfile stdout',
      'databases 16',
      'save 900 1',
      'save 300 10',
      'rdbcompression yes',
      'dbfilename dump.rdb',
      'dir ./',
      'appendonly no',
      'appendfsync always',
      'vm-enabled no',
      'vm-swap-file /tmp/redis.swap',
      'vm-max-memory 0',
      'vm-page-size 32',
      'vm-pages 134217728',
      'vm-max-threads 4',
      'glueoutputbuf yes',
      'shareobjects no',
      'shareobjectspoolsize 1024',
      'hash-max-zipmap-entries 64',
      'hash-max-zipmap-value 512',
    ],
    warned: 12,
  },
  'Redis 2.2': {
    lines: [
      'pidfile /var/run/redis.pid',
      'no-appendfsync-on-rewrite no',
      'vm-enabled no',
      'hash-max-zipmap-entries 512',
      'list-max-ziplist-entries 512',
      'list-max-ziplist-value 64',
      'set-max-intset-entries 512',
      'activerehashing yes',
      'slave-serve-stale-data yes',
    ],
    warned: 4,
  },
  'Redis 2.4 with the disk store': {
    lines: ['diskstore-enabled no', 'diskstore-path redis.ds', 'cache-max-memory 0', 'cache-flush-delay 0'],
    warned: 4,
  },
  'Redis 3.0': {
    lines: [
      'client-output-buffer-limit slave 256mb 64mb 60',
      'list-max-ziplist-entries 512',
      'lua-time-limit 5000',
      'slave-priority 100',
      'cluster-slave-validity-factor 10',
    ],
    warned: 1,
  },
  'Redis 8': {
    lines: [
      'loadmodule ./modules/redisbloom/redisbloom.so',
      'loadmodule ./modules/rejson.so arg',
      'search-workers 0',
      'ts-num-threads 3',
      'bf-error-rate 0.01',
      'cf-initial-size 1024',
      'lookahead 16',
      'tls-auth-clients-user off',
      'moduleconfigs.string x',
    ],
    warned: 9,
  },
  'Valkey 8 and 9': {
    lines: [
      'dual-channel-replication-enabled no',
      'primaryauth secret',
      'events-per-io-thread 2',
      'availability-zone ""',
      'rdma-port 6379',
      'commandlog-execution-slower-than 10000',
      'max-new-connections-per-cycle 10',
    ],
    warned: 5,
  },
};

describe('files of other versions', () => {
  for (const [version, { lines, warned }] of Object.entries(stockFiles)) {
    it(`${version}: is read, and each line without its meaning is told with file and line`, () => {
      const { warnings } = readFile(`# old\n${lines.join('\n')}\n`);
      assert.equal(warnings.length, warned, warnings.join('\n'));
      for (const warning of warnings) assert.match(warning, /^\S*server\.conf, line [0-9]+: \S/);
      const [, firstLine] = /line ([0-9]+): (\S+)/.exec(warnings[0]!)!;
      assert.ok(Number(firstLine) >= 2);
    });
  }

  it('set the directive that has the place of an old one', () => {
    const { config, warnings } = readFile('hash-max-zipmap-entries 77\nprimaryauth s3cret\nlogfile stdout\n');
    assert.equal(config.number('hash-max-listpack-entries').value, 77);
    assert.equal(config.text('masterauth').value, 's3cret');
    assert.equal(config.path('logfile'), '');
    assert.doesNotMatch(warnings.join(), /s3cret/, 'warnings do not show values');
    assert.match(refusal('hash-max-zipmap-entries many').reason, /couldn't be parsed into an integer/);
  });

  it('are refused where data would live elsewhere, or others would come in', () => {
    for (const line of [
      'vm-enabled yes',
      'vm-enabled',
      'diskstore-enabled yes',
      'load-on-startup no',
      'preload-file rdb:/x.rdb',
      'storage-provider flash /mnt',
      'tls-auth-clients-user CN',
    ]) {
      const error = refusal(`port 0\n${line}\n`);
      assert.equal(error.place?.lineNumber, 2);
      assert.match(error.reason, new RegExp(`^${line.split(' ')[0]} \\(.*\\): .{30}`), line);
    }
    assert.equal(refusal('loadmodule /x/other.so').reason, 'no modules');
  });

  it('may be written for every directive of the table', () => {
    for (const { directives } of foreignGroups) {
      for (const { names, now, only, meaning } of directives) {
        assert.ok(now !== undefined || only?.values.length === 0 || meaning !== '', names.join());
        for (const name of names) {
          assert.equal(new Config(folder).find(name), undefined, `${name} is a setting`);
          const plain = now === undefined ? '1' : new Config(folder).find(now)!.print() || 'x';
          const value = only === undefined ? plain : only.values[0];
          if (value !== undefined) assert.equal(readFile(`${name} ${value}\n`).warnings.length, 1, name);
        }
      }
    }
  });

  it('are told by the included file', () => {
    mkdirSync(join(folder, 'more'), { recursive: true });
    writeFileSync(join(folder, 'more', 'old.conf'), '\n\nglueoutputbuf yes\n');
    const { warnings } = readFile('include more/old.conf\n');
    assert.match(
      warnings[0]!,
      /more.old\.conf, line 3: glueoutputbuf \(Redis 1\.3 to 2\.6\) has no effect: small replies/,
    );
  });

  it('may begin with a byte order mark', () => {
    assert.equal(readFile('\ufeffport 7001\n').config.number('port').value, 7001);
  });
});

describe('strict-config', () => {
  it('makes the first warning an error, wherever it is turned on', () => {
    for (const error of [
      refusal('port 0\nvm-pages 5\nstrict-config yes\n'),
      refusal('strict-config yes\nvm-pages 5\n'),
      refusal('port 0\nvm-pages 5\n', parseCommandLine(['x.conf', '--strict-config']).optionLines),
      refusal('port 0\nvm-pages 5\n', parseCommandLine(['x.conf', '--strict-config', '--port', '1']).optionLines),
      refusal('port 0\nvm-pages 5\n', linesOfOptions({ 'strict-config': true })),
    ]) {
      assert.match(error.report('7'), /at line [12]\n>>> 'vm-pages 5'\nvm-pages .*\n\(strict-config is on\)\n$/);
    }
    assert.equal(readFile('strict-config yes\nport 0\n').warnings.length, 0);
    assert.match(refusal('strict-config yes\nlogfile stdout\n').reason, /logfile stdout/);
    const off = parseCommandLine(['x.conf', '--strict-config', 'no']).optionLines;
    assert.equal(readFile('strict-config yes\nvm-pages 5\n', off).warnings.length, 1);
  });
});

describe('old values', () => {
  it('are repaired with a warning that says what was done', () => {
    const { config, warnings } = readFile('auto-aof-rewrite-percentage 80-100\nmaxclients 0\n');
    assert.equal(config.number('auto-aof-rewrite-percentage').value, 80);
    assert.equal(config.number('maxclients').value, 10000);
    assert.match(warnings[0]!, /line 1: auto-aof-rewrite-percentage 80-100 is a range.*80 is taken/);
    assert.match(warnings[1]!, /line 2: maxclients 0 .*10000 is taken/);
  });

  it('and several directives on one line are read one by one', () => {
    const { config, warnings } = readFile(
      [
        'daemonize no  tcp-backlog 100  timeout 7  ',
        `dir ${folder}  slave-read-only no  #slave  repl-disable-tcp-nodelay yes  #not use default  slave-priority 9`,
        'slowlog-max-len 12  notify-keyspace-events ""  hash-max-ziplist-entries 13',
        'client-output-buffer-limit slave 256mb 64mb 61  client-output-buffer-limit pubsub 32mb 8mb 62',
        'bind 127.0.0.1  port 7003',
        'save 900 1  save 300 10',
        'port 7002  # port 6379',
        'hz 20 # often',
      ].join('\n'),
    );
    assert.equal(config.number('tcp-backlog').value, 100);
    assert.equal(config.number('timeout').value, 7);
    assert.equal(config.flag('replica-read-only').value, false);
    assert.equal(config.flag('repl-disable-tcp-nodelay').value, true);
    assert.equal(config.number('replica-priority').value, 9);
    assert.equal(config.number('slowlog-max-len').value, 12);
    assert.equal(config.number('hash-max-listpack-entries').value, 13);
    assert.equal(config.special('client-output-buffer-limit').value.slave.softSeconds, 61);
    assert.equal(config.special('client-output-buffer-limit').value.pubsub.softSeconds, 62);
    assert.deepEqual(config.special('bind').value, ['127.0.0.1']);
    assert.equal(config.special('save').print(), '900 1 300 10');
    assert.equal(config.number('port').value, 7002);
    assert.equal(readFile('appendfilename "a  b.aof"').config.text('appendfilename').value, 'a  b.aof');
    assert.equal(warnings.length, 8);
  });

  it('but not in lines whose words may begin with #', () => {
    const seen: string[] = [];
    const path = join(folder, 'users.conf');
    writeFileSync(path, 'user a on #2bb8 ~a*  #3cc9 +get\nrename-command CONFIG #x\nrequirepass #secret\n');
    const config = new Config(folder);
    const reader = new ConfigReader(config, new RealFiles(), {
      user: (words) => void seen.push(words.join(' ')),
      renameCommand: (from, to) => void seen.push(`${from} ${to}`),
      loadModule: () => undefined,
    });
    reader.load(path, '', '');
    assert.deepEqual(seen, ['a on #2bb8 ~a* #3cc9 +get', 'CONFIG #x']);
    assert.equal(config.text('requirepass').value, '#secret');
    assert.deepEqual(reader.warnings, []);
    assert.match(refusal('port 7000  user a on #2bb8').reason, /wrong number of arguments/);
  });

  it('with a single space between them are refused with how to write them', () => {
    assert.match(refusal('daemonize no port 7000').reason, /^wrong number of arguments\n'daemonize' takes one value;/);
    assert.match(refusal('cluster-enabled yes turns it on').reason, /comments on lines of their own/);
    // The name of a directive in a comment is not obeyed.
    assert.equal(readFile('port 7000 # port 6379').config.number('port').value, 7000);
    assert.deepEqual(readFile('bind 10.0.0.1  10.0.0.2 10.0.0.3').config.special('bind').value.length, 3);
  });
});

describe('wrong lines', () => {
  it('of a directive that nobody knows name the nearest', () => {
    assert.match(
      refusal('maxmemroy 1gb').reason,
      /^Bad directive or wrong number of arguments\n.*'maxmemroy'; the nearest is 'maxmemory'$/,
    );
    assert.match(refusal('append_only yes').reason, /the nearest is 'appendonly'/);
    assert.match(refusal('renamecommand a b').reason, /the nearest is 'rename-command'/);
    assert.equal(refusal('nonsense 1').reason, 'Bad directive or wrong number of arguments');
    assert.equal(refusal('include').reason, 'Bad directive or wrong number of arguments');
    assert.equal(refusal(`${'x'.repeat(100_000)} 1`).reason, 'Bad directive or wrong number of arguments');
    assert.equal(nearestWord('prot', ['part', 'port']), 'port');
    assert.equal(nearestWord('', ['port']), undefined);
  });

  it('of the command line and of standard input are not blamed on the file', () => {
    const option = refusal('port 0\n', parseCommandLine(['x.conf', '--hz', '10', '--port', 'x']).optionLines);
    assert.match(
      option.report('7'),
      /\nReading the command line, at option '--port'\n>>> 'port "x"'\nargument couldn't/,
    );
    assert.match(option.message, /^option 'port': /);
    assert.match(
      refusal('', linesOfOptions({ maxmemroy: 1 })).message,
      /^option 'maxmemroy': .*nearest is 'maxmemory'/s,
    );
    const reader = new ConfigReader(new Config(folder), new RealFiles(), {
      user: () => undefined,
      renameCommand: () => undefined,
      loadModule: () => undefined,
    });
    assert.throws(
      () => reader.load(undefined, 'port 0\nport x', ''),
      (error) => {
        assert.match((error as ConfigError).report('7'), /Reading the configuration from standard input, at line 2\n/);
        return true;
      },
    );
  });
});

describe('CONFIG REWRITE of an old file', () => {
  it('keeps every value, and a start with the new file has nothing to warn of', () => {
    const text = `vm-enabled no\nhash-max-zipmap-entries 77\nlogfile stdout\ntimeout 7  tcp-keepalive 9\nglueoutputbuf yes\n`;
    const { config } = readFile(text);
    const rewritten = rewriteText(text, config, []);
    assert.match(rewritten, /^# \?\?\? vm-enabled no\nhash-max-listpack-entries 77\nlogfile ""\ntimeout 7\n/);
    const again = readFile(rewritten);
    assert.deepEqual(again.warnings, []);
    assert.deepEqual([...again.config.get(['*'])], [...config.get(['*'])]);
  });
});
