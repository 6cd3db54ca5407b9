// CLIENT PAUSE: what is put off keeps its place before what its client sends while the pause ends.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startServer } from '../../src/embed/start-server.js';
import { End } from './twins.js';

it(
  'a command that was put off runs before the one that comes in the turn in which the pause ends',
  { timeout: 300_000 },
  async () => {
    const server = await startServer();
    const [pausing, writing] = [await End.open(server.port), await End.open(server.port)];
    try {
      for (let round = 0; round < 20; round++) {
        pausing.send(['CLIENT', 'PAUSE', '100000', 'WRITE']);
        await pausing.collect('paused');
        writing.send(['SET', 'key', String(round)]);
        while (!(await paused(pausing)));
        pausing.send(['CLIENT', 'UNPAUSE']);
        writing.send(['GET', 'key']);
        assert.deepEqual(await writing.collect('done'), ['status:OK', `bulk:${round}`]);
        await pausing.collect('unpaused');
      }
    } finally {
      pausing.close();
      writing.close();
      await server.close();
    }
  },
);

/** Whether the server holds a command back; it counts them with the clients that wait. */
async function paused(end: End): Promise<boolean> {
  end.send(['INFO', 'clients']);
  return /blocked_clients:1/.test((await end.collect('asked')).join(''));
}
