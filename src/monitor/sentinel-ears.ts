// sentinel-ears: a second connection to a sentinel, which subscribes to its events.
//
// Only events that people look for in a history become ours; others (hello messages, details of an election) come too often.

import type { Connection } from '../client/connection.js';
import { isAggregate, type Reply, replyText } from '../client/reply.js';
import { type Change, shown } from './events/server-state.js';

const MESSAGE_BYTES_MAX = 1 << 20;

const wanted: ReadonlySet<string> = new Set([
  '+sdown',
  '-sdown',
  '+odown',
  '-odown',
  '+try-failover',
  '+elected-leader',
  '+failover-end',
  '+failover-end-for-timeout',
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
  '+role-change',
  '-role-change',
  '+convert-to-slave',
  '+reboot',
  '+slave',
  '+sentinel',
  '+monitor',
  '-monitor',
  '+tilt',
  '-tilt',
]);

export class SentinelEars {
  private connection: Connection | undefined;
  private isOpening = false;
  private isClosed = false;

  constructor(
    private readonly connect: () => Promise<Connection>,
    private readonly heard: (change: Change) => void,
  ) {}

  /** Listens from now on; called at every tick, it opens the connection again when it was lost. */
  listen(): void {
    if (this.isClosed || this.isOpening || (this.connection !== undefined && this.connection.lost === undefined))
      return;
    this.isOpening = true;
    this.connect()
      .then((connection) => this.begin(connection))
      // The next tick tries again; the samples show that the sentinel is away.
      .catch(() => undefined)
      .finally(() => (this.isOpening = false));
  }

  close(): void {
    this.isClosed = true;
    this.connection?.close();
    this.connection = undefined;
  }

  private begin(connection: Connection): void {
    if (this.isClosed) {
      connection.close();
      return;
    }
    this.connection = connection;
    connection.replyBytesMax = MESSAGE_BYTES_MAX;
    connection.send(['PSUBSCRIBE', '*']);
    void this.hear(connection);
  }

  private async hear(connection: Connection): Promise<void> {
    try {
      for (;;) {
        const change = changeOf(await connection.readReply());
        if (change !== undefined && !this.isClosed) this.heard(change);
      }
    } catch {
      connection.close();
    }
  }
}

function changeOf(reply: Reply): Change | undefined {
  if (!isAggregate(reply) || replyText(reply.elements[0]) !== 'pmessage') return undefined;
  const type = replyText(reply.elements[2]);
  const text = shown(replyText(reply.elements[3]));
  if (type === '+switch-master') {
    const [name, oldHost, oldPort, host, port] = text.split(' ');
    return ['failover', `${name}: the master was ${oldHost}:${oldPort}, is ${host}:${port}`];
  }
  return wanted.has(type) ? ['sentinel', `${type} ${text}`] : undefined;
}
