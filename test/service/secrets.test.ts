// Passwords stay out of sight: every command that carries one, in every state of a connection, and then a look at all that
// the server shows of commands: MONITOR, SLOWLOG, COMMANDLOG, ACL LOG, CLIENT LIST, INFO and its log.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { encodeCommand } from '../../src/client/encode-command.js';
import { ReplyReader } from '../../src/client/reply-reader.js';
import type { Reply } from '../../src/client/reply.js';
import { startServer, type EmbeddedServer } from '../../src/index.js';
import { line } from './twins.js';

const SECRET = 'hunter2';

/** Each with one or more secrets. */
const commands: readonly string[] = [
  'AUTH hunter2',
  'AUTH default hunter2',
  'AUTH nobody hunter2',
  'AUTH one two hunter2',
  'auth default hunter2',
  'HELLO 3 AUTH default hunter2',
  'HELLO 2 AUTH default hunter2 SETNAME x',
  'HELLO 3 AUTH hunter2',
  'HELLO AUTH default hunter2',
  'HELLO 9 AUTH default hunter2',
  'HELLO 3 SETNAME x AUTH default hunter2',
  'ACL SETUSER someone on >hunter2 ~* +@all',
  'ACL SETUSER someone <hunter2',
  'ACL SETUSER someone #hunter2',
  'ACL SETUSER someone >hunter2 nonsense',
  'ACL SETUSER hunter2 on',
  'ACL GETUSER hunter2',
  'ACL DELUSER hunter2',
  'ACL DELUSER someone',
  'CONFIG SET requirepass hunter2',
  'CONFIG SET RequirePass hunter2',
  'CONFIG SET masterauth hunter2 masteruser hunter2',
  'CONFIG SET tls-key-file-pass hunter2',
  'CONFIG SET hz abc requirepass hunter2',
  'CONFIG SET requirepass hunter2 hz abc',
  'CONFIG SET requirepass hunter2 requirepass hunter2',
  'CONFIG SET requirepass hunter2 hz',
  'MIGRATE 127.0.0.1 1 key 0 10 AUTH hunter2',
  'MIGRATE 127.0.0.1 1 key 0 10 COPY AUTH2 default hunter2',
  'MIGRATE 127.0.0.1 1 key',
];

class Talk {
  private readonly reader = new ReplyReader();
  private readonly arrived: Reply[] = [];
  text = '';

  constructor(private readonly stream: Duplex) {
    stream.on('data', (bytes: Buffer) => {
      this.text += bytes.toString('latin1');
      this.reader.feed(bytes);
      for (let reply = this.reader.next(); reply !== undefined; reply = this.reader.next()) this.arrived.push(reply);
    });
  }

  async ask(words: readonly string[]): Promise<string> {
    this.stream.write(encodeCommand(words.map((word) => Buffer.from(word))));
    while (this.arrived.length === 0) {
      if (this.stream.destroyed) return 'closed';
      await Promise.race([once(this.stream, 'data'), once(this.stream, 'close')]);
    }
    return line(this.arrived.shift()!);
  }

  end(): void {
    this.stream.destroy();
  }
}

describe('secrets', () => {
  let server: EmbeddedServer;
  let log = '';
  before(async () => {
    server = await startServer({
      port: false,
      requirepass: 'first',
      'slowlog-log-slower-than': 0,
      'slowlog-max-len': 100_000,
      'commandlog-request-larger-than': 0,
      'commandlog-large-request-max-len': 100_000,
      'commandlog-reply-larger-than': 0,
      'commandlog-large-reply-max-len': 100_000,
      'latency-monitor-threshold': 1,
      'enable-debug-command': 'yes',
      'rename-command': ['ECHO', ''],
      log: (_level, text) => void (log += `${text}\n`),
    });
  });
  after(() => server.close());

  /** Somebody with the right password, whatever it is now. */
  async function admin(): Promise<Talk> {
    const talk = new Talk(server.connect());
    for (const password of ['first', SECRET]) if ((await talk.ask(['AUTH', password])) === 'status:OK') return talk;
    throw new Error('no password is right');
  }

  async function runAll(
    prepare: readonly (readonly string[])[],
    wrap: (words: readonly string[]) => readonly (readonly string[])[],
    authenticated = true,
  ): Promise<void> {
    const keeper = await admin();
    for (const command of commands) {
      const talk = authenticated ? await admin() : new Talk(server.connect());
      for (const words of prepare) await talk.ask(words);
      for (const words of wrap(command.split(' '))) await talk.ask(words);
      talk.end();
      assert.equal(await keeper.ask(['CONFIG', 'SET', 'requirepass', 'first']), 'status:OK');
    }
    keeper.end();
  }

  it('are shown nowhere, whoever sends them and however', async () => {
    const watcher = await admin();
    await watcher.ask(['MONITOR']);
    await runAll([], (words) => [words]);
    await runAll([], (words) => [words], false);
    await runAll([['MULTI']], (words) => [words, ['EXEC']]);
    await runAll([['CLIENT', 'REPLY', 'ON']], (words) => [words.slice(0, 2), words]);
    await runAll([['SUBSCRIBE', 'news']], (words) => [words]);
    await runAll(
      [
        ['CLIENT', 'TRACKING', 'ON', 'BCAST'],
        ['CLIENT', 'NO-TOUCH', 'ON'],
      ],
      (words) => [words],
    );
    // Scripts that put the secret together, so that it stands nowhere in the script itself.
    await runAll([['DEBUG', 'SET-DISABLE-DENY-SCRIPTS', '1']], (words) => [
      [
        'EVAL',
        `local words = cjson.decode(ARGV[1]) for index, word in ipairs(words) do words[index] = string.gsub(word, 'HIDDEN', string.reverse('2retnuh')) end return redis.pcall(unpack(words))`,
        '0',
        JSON.stringify(words).replaceAll(SECRET, 'HIDDEN'),
      ],
    ]);
    const reader = await admin();
    const shown: Record<string, string> = { monitor: watcher.text, log };
    for (const request of [
      'SLOWLOG GET -1',
      'COMMANDLOG GET -1 large-request',
      'COMMANDLOG GET -1 large-reply',
      'ACL LOG 1000',
      'CLIENT LIST',
      'INFO everything',
      'LATENCY LATEST',
      'ACL LIST',
    ]) {
      shown[request] = await reader.ask(request.split(' '));
    }
    for (const [where, text] of Object.entries(shown)) {
      const at = text.indexOf(SECRET);
      // A user that is called like the secret is named where users are named.
      const rest = where === 'ACL LIST' ? text.replaceAll(`user ${SECRET} `, '') : text;
      assert.ok(!rest.includes(SECRET), `${where}: ...${text.slice(Math.max(0, at - 200), at + 20)}`);
    }
    for (const where of [
      'monitor',
      'SLOWLOG GET -1',
      'COMMANDLOG GET -1 large-request',
      'COMMANDLOG GET -1 large-reply',
    ]) {
      assert.ok(
        shown[where]!.split('(redacted)').length > commands.length,
        `${where} shows the commands without their secrets`,
      );
    }
    watcher.end();
    reader.end();
  });

  it('also under another name', async () => {
    const renamed = await startServer({
      port: false,
      'slowlog-log-slower-than': 0,
      'rename-command': ['AUTH', 'LOGIN'],
    });
    const talk = new Talk(renamed.connect());
    await talk.ask(['ACL', 'SETUSER', 'someone', 'on', `>${SECRET}`, '+@all']);
    assert.equal(await talk.ask(['LOGIN', 'someone', SECRET]), 'status:OK');
    const shown = await talk.ask(['SLOWLOG', 'GET', '-1']);
    assert.ok(
      !shown.includes(SECRET) && shown.includes('LOGIN (redacted)') === false && shown.includes('(redacted)'),
      shown,
    );
    talk.end();
    await renamed.close();
  });
});
