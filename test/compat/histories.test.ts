// Replies of old servers, against those of a server that answers as they did.
import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startServer } from '../../src/embed/start-server.js';
import { Conversation, type Shown } from './conversation.js';
import { readHistories, repliesOf } from './histories.js';

const order = '2.0 2.2 2.4 2.6 2.8 3.0 3.2 4.0 5.0 6.0 6.2 7.0 7.2 7.4 valkey-8'.split(' ');
const histories = readHistories();
/** Commands that leave something behind in their connection. */
const leavesTraces = /MULTI|SUBSCRIBE|CLIENT|WATCH|SELECT|AUTH|READONLY/;

describe('compat', () => {
  for (const version of order) {
    test(`as ${version} did`, async (t) => {
      const compat = version.startsWith('valkey') ? 'valkey-8' : `redis-${version}`;
      const server = await startServer({ compat: compat as 'redis-7.0', 'enable-debug-command': 'yes' });
      t.after(() => server.close());
      let shared = await Conversation.open(server.port);
      const wrong: string[] = [];
      let count = 0;
      for (const history of histories) {
        const expected = repliesOf(history, version, order);
        if (expected === undefined) continue;
        await shared.ask([['FLUSHALL']]);
        const replies: Shown[] = await shared.ask(history.commands);
        count++;
        if (JSON.stringify(replies) !== JSON.stringify(expected))
          wrong.push(`${history.title}: ${JSON.stringify(replies)} instead of ${JSON.stringify(expected)}`);
        if (!leavesTraces.test(history.title)) continue;
        shared.close();
        shared = await Conversation.open(server.port);
      }
      shared.close();
      deepEqual(wrong, []);
      t.diagnostic(`${count} cases`);
    });
  }
});
