// A node's announcements follow CONFIG SET in the very next reply, and go back with the setting.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { it } from 'node:test';
import { findClusterPort } from '../cluster-peers.js';
import { startKvasir } from '../kvasir.js';

/** The replies of commands that arrive in one piece: no tick of the bus comes between them. */
function ask(port: number, ...lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write([...lines, 'QUIT', ''].join('\r\n'));
  return text(socket);
}

it('CLUSTER shows what CONFIG SET announces at once', async () => {
  const port = await findClusterPort();
  const node = await startKvasir({ port, args: ['--cluster-enabled', 'yes'] });
  try {
    const own = new RegExp(`:${port}@${port + 10_000} myself,master `);
    for (const [setting, value, back, shown] of [
      ['cluster-announce-port', '7', '0', /:7@/],
      ['cluster-announce-bus-port', '8', '0', /@8 /],
      ['cluster-announce-hostname', 'name.example', '""', /@\d+,name\.example /],
      ['cluster-replica-no-failover', 'yes', 'no', /myself,master,nofailover /],
      ['cluster-announce-ip', '192.0.2.1', '""', / 192\.0\.2\.1:/],
    ] as const) {
      assert.match(await ask(port, `CONFIG SET ${setting} ${value}`, 'CLUSTER NODES'), shown);
      assert.match(await ask(port, `CONFIG SET ${setting} ${back}`, 'CLUSTER NODES'), own, `${setting} is taken back`);
    }
  } finally {
    await node.stop();
  }
});
