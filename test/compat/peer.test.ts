// `compat redis-7.0` beside the real redis-server 7.0: its commands, its errors, and calls with what came later.
import { deepEqual, ok } from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { allDeclarations } from '../../src/server/declarations.js';
import { startServer, type EmbeddedServer } from '../../src/embed/start-server.js';
import { peerMissing, startRedis, type RedisPeer } from '../peer.js';
import { Conversation, type Shown } from './conversation.js';
import { readHistories } from './histories.js';

/** Calls whose last words came after 7.0, with what they need before. */
const tooNew = `
SET k v IFEQ v|SET k v IFDNE 0123456789abcdef|SET k v EX 10 IFNE v|HSET h f v ; HSCAN h 0 NOVALUES|HSET h f v ; HSCAN h 0 COUNT 5 NOVALUES
XADD s KEEPREF 1-1 f v|XADD s ACKED MAXLEN 5 1-1 f v|XADD s IDMP p 1 1-1 f v|XTRIM s MAXLEN 5 KEEPREF|XREAD MAXCOUNT 5 STREAMS s 0
XREAD COUNT 1 MAXSIZE 5 STREAMS s 0|XREADGROUP GROUP g c CLAIM 5 STREAMS s >|ZRANK z a WITHSCORE|ZREVRANK z a WITHSCORE
ZUNION 1 z AGGREGATE COUNT|ZINTERSTORE d 1 z WEIGHTS 2 AGGREGATE COUNT|ZADD z 1 a ; ZSCAN z 0 NOSCORES|BITOP DIFF d a b|BITOP ONE d a b
CLIENT KILL MAXAGE 5|CLIENT LIST USER default|CLIENT LIST SKIPME yes|CLIENT LIST MAXAGE 5
`;

/** Words that look like options that came later, where they are values. */
const values =
  'SET k GET|SET k IFEQ|ZADD z 1 NOSCORES|HSET h NOVALUES 1|RPUSH l KEEPREF|LPOS l WITHSCORE|XADD s 1-1 MAXCOUNT 1';

describe('compat redis-7.0', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let redis: RedisPeer;
  let server: EmbeddedServer;
  let real: Conversation;
  let ours: Conversation;

  before(async () => {
    redis = await startRedis({ args: ['--enable-debug-command', 'yes', '--save', ''] });
    server = await startServer({ compat: 'redis-7.0', 'enable-debug-command': 'yes' });
    real = await Conversation.open(redis.port);
    ours = await Conversation.open(server.port);
  });

  after(async () => {
    real.close();
    ours.close();
    await server.close();
    await redis.stop();
  });

  async function compare(lines: readonly string[]): Promise<void> {
    const wrong: string[] = [];
    for (const line of lines) {
      const commands = line.split(' ; ').map((command) => command.split(' '));
      const all = [['FLUSHALL'], ...commands];
      const [expected, replies] = await Promise.all([real.ask(all), ours.ask(all)]);
      if (JSON.stringify(replies) !== JSON.stringify(expected))
        wrong.push(`${line}: ${JSON.stringify(replies.slice(1))} instead of ${JSON.stringify(expected.slice(1))}`);
    }
    deepEqual(wrong, []);
  }

  test('has the commands of 7.0', async () => {
    const names = async (conversation: Conversation): Promise<string[]> => {
      const [list] = await conversation.ask([['COMMAND', 'LIST']]);
      return (list as string[]).map((name) => name.slice(1)).sort();
    };
    deepEqual(await names(ours), await names(real));
  });

  test('describes them as 7.0 did', async () => {
    const entries = async (conversation: Conversation): Promise<Map<string, string>> => {
      const [list] = await conversation.ask([['COMMAND']]);
      const found = new Map<string, string>();
      const add = (entry: readonly Shown[]): void => {
        // Name, arity, flags, first key, last key, step.
        const flags = [...(entry[2] as string[])].sort();
        found.set(entry[0] as string, JSON.stringify([entry[1], flags, entry[3], entry[4], entry[5]]));
        for (const sub of entry[9] as readonly (readonly Shown[])[]) add(sub);
      };
      for (const entry of list as readonly (readonly Shown[])[]) add(entry);
      return found;
    };
    const [here, there] = [await entries(ours), await entries(real)];
    const wrong = [...there]
      .filter(([name, entry]) => here.get(name) !== entry)
      .map(([name, entry]) => `${name}: ${here.get(name)} instead of ${entry}`);
    deepEqual(wrong, []);
  });

  test('does not know what came later', async () => {
    const later: string[] = [];
    for (const { name, since, subcommands = [] } of allDeclarations) {
      const isLater = (version: string): boolean => Number(version.split('.')[0]) > 7 || /^7\.[2-9]/.test(version);
      if (isLater(since)) later.push(`${name} a b c`, name);
      for (const sub of subcommands) if (isLater(sub.since)) later.push(`${name} ${sub.name} a b`);
    }
    ok(later.length > 40);
    await compare(later);
  });

  test('refuses options that came later', async () => {
    await compare(tooNew.trim().split(/[\n|]/));
  });

  test('takes their words as values', async () => {
    await compare(values.split('|'));
  });

  test('replied as the histories say', async () => {
    const wrong: string[] = [];
    for (const { title, commands, replies } of readHistories()) {
      const known = replies.filter(([version]) => !/^(7\.[24]|valkey)/.test(version));
      const expected = known.at(-1)?.[1];
      if (expected === undefined) continue;
      const conversation = await Conversation.open(redis.port);
      await conversation.ask([['FLUSHALL']]);
      const shown = await conversation.ask(commands);
      conversation.close();
      if (JSON.stringify(shown) !== JSON.stringify(expected)) wrong.push(`${title}: ${JSON.stringify(shown)}`);
    }
    deepEqual(wrong, []);
  });
});
