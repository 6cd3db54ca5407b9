// A cluster whose slots move while kvasir-benchmark runs: two servers made here that only know what the tool asks.
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { latin1Bytes } from '../../src/base/bytes.js';
import { crc16 } from '../../src/base/crc16.js';
import { runKvasir } from './run-tool.js';

const slotCount = 16384;
/** SETs that the first node takes before the lower half of its slots goes to the second. */
const setsBeforeMove = 500;

function slotOf(key: string): number {
  const tag = /\{(.+?)\}/.exec(key)?.[1] ?? key;
  return crc16(latin1Bytes(tag)) % slotCount;
}

class FakeCluster {
  readonly nodes: { server: Server; port: number; sets: number; redirected: number }[] = [];
  /** Slots from here to the half of all belong to the first node, the others to the second. */
  private firstOfFirstNode = 0;
  private readonly sockets = new Set<Socket>();
  /** SETs of slots that have moved, which the second node took. */
  followed = 0;

  async open(): Promise<void> {
    for (let index = 0; index < 2; index++) {
      const server = createServer((socket) => this.serve(socket, index));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      this.nodes.push({ server, port: (server.address() as AddressInfo).port, sets: 0, redirected: 0 });
    }
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    for (const { server } of this.nodes) server.close();
  }

  private serve(socket: Socket, index: number): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    let waiting = '';
    socket.on('data', (bytes) => {
      waiting += bytes.toString('latin1');
      let replies = '';
      // Every request is an array of bulk strings without line ends in them.
      for (let found; (found = /^\*(\d+)\r\n/.exec(waiting)) !== null;) {
        const lines = waiting.slice(found[0].length).split('\r\n', 2 * Number(found[1]) + 1);
        if (lines.length <= 2 * Number(found[1])) break;
        const words = lines.filter((_, at) => at % 2 === 1);
        waiting = waiting.slice(
          found[0].length +
            words.reduce((sum, _, at) => sum + lines[2 * at]!.length + lines[2 * at + 1]!.length + 4, 0),
        );
        replies += this.answer(index, words);
      }
      socket.write(replies, 'latin1');
    });
  }

  private answer(index: number, words: readonly string[]): string {
    const [name = '', argument = ''] = words.map((word) => word.toUpperCase());
    if (name === 'CLUSTER' && argument === 'NODES') {
      const text = this.describe(index);
      return `$${text.length}\r\n${text}\r\n`;
    }
    if (name !== 'SET') return '*0\r\n';
    const slot = slotOf(words[1]!);
    const owner = slot >= this.firstOfFirstNode && slot < slotCount / 2 ? 0 : 1;
    const node = this.nodes[index]!;
    if (owner !== index) {
      node.redirected++;
      return `-MOVED ${slot} 127.0.0.1:${this.nodes[owner]!.port}\r\n`;
    }
    node.sets++;
    if (index === 1 && slot < slotCount / 2) this.followed++;
    if (index === 0 && node.sets === setsBeforeMove) this.firstOfFirstNode = slotCount / 4;
    return '+OK\r\n';
  }

  private describe(asked: number): string {
    const moved = this.firstOfFirstNode > 0 ? `0-${this.firstOfFirstNode - 1} ` : '';
    const slots = [`${this.firstOfFirstNode}-${slotCount / 2 - 1}`, `${moved}${slotCount / 2}-${slotCount - 1}`];
    return this.nodes
      .map(
        ({ port }, index) =>
          `${'ab'[index]!.repeat(40)} 127.0.0.1:${port}@1 ${index === asked ? 'myself,' : ''}master - 0 0 1 connected ${slots[index]}\n`,
      )
      .join('');
  }
}

for (const more of [[], ['--threads', '2']]) {
  test(`the benchmark follows slots that move${more.length > 0 ? ', with threads' : ''}`, async () => {
    const cluster = new FakeCluster();
    await cluster.open();
    try {
      const { port } = cluster.nodes[0]!;
      const { code, out, err } = await runKvasir([
        '--cluster',
        '-p',
        String(port),
        '-t',
        'set',
        '-n',
        '20000',
        '-r',
        '1000000',
        '-c',
        '8',
        '-P',
        '4',
        '--csv',
        ...more,
      ]);
      assert.equal(code, 0, err);
      assert.match(out, /"SET"/);
      assert.match(err, /WARNING: Cluster slots configuration changed, fetching new one/);
      const [first, second] = cluster.nodes;
      // All was asked, and what was turned away is little: the tool learned where the slots are.
      assert.equal(first!.sets + first!.redirected + second!.sets + second!.redirected, 20_000);
      assert.ok(first!.redirected > 0 && first!.redirected < 5_000, `${first!.redirected} turned away`);
      assert.ok(cluster.followed > 1000, `${cluster.followed} followed`);
    } finally {
      cluster.close();
    }
  });
}
