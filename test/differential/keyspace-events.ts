// keyspace-events: the keyspace events of both sides, so that tests can compare them.

import { connect, type Socket } from 'node:net';
import { latin1 } from '../../src/base/bytes.js';
import { EventClass } from '../../src/keyspace/events.js';
import type { Local, Remote } from './side-by-side.js';
import { elements } from './unordered.js';

/** Collects the events of a keyspace without a server, as "event key". */
export function listenLocally(local: Local): string[] {
  const events: string[] = [];
  local.keyspace.notifyMask = ~EventClass.KEY_MISS;
  local.keyspace.listener = {
    keyChanged: () => undefined,
    keyReclaimed: () => undefined,
    notify: (_class, event, _database, key, offset, length) =>
      void events.push(`${event} ${latin1(key, offset, length)}`),
  };
  return events;
}

/** Collects the events of a real server. */
export class RemoteEvents {
  private waiting = '';
  private wake: () => void = () => undefined;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => {
      this.waiting += bytes.toString('latin1');
      this.wake();
    });
  }

  static async connect(port: number, remote: Remote): Promise<RemoteEvents> {
    await remote.run([['CONFIG', 'SET', 'notify-keyspace-events', 'EAn']]);
    const socket = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
    const events = new RemoteEvents(socket);
    socket.write('PSUBSCRIBE __keyevent@0__:* mark:*\r\n');
    while (events.waiting.split('psubscribe').length < 3) await new Promise<void>((resolve) => (events.wake = resolve));
    await events.take(remote);
    return events;
  }

  /** All events so far, as "event key". */
  async take(remote: Remote): Promise<string[]> {
    await remote.run([['PUBLISH', 'mark:end', 'now']]);
    const end = '$8\r\nmark:end\r\n$3\r\nnow\r\n';
    while (!this.waiting.endsWith(end)) await new Promise<void>((resolve) => (this.wake = resolve));
    const text = this.waiting;
    this.waiting = '';
    const messages = elements(`*0\r\n${text}`)!.map((message) =>
      elements(message)!.map((bulk) => bulk.slice(bulk.indexOf('\r\n') + 2, -2)),
    );
    return messages
      .filter(([, pattern]) => pattern !== 'mark:*')
      .map(([, , channel, key]) => `${channel!.slice('__keyevent@0__:'.length)} ${key}`);
  }

  close(): void {
    this.socket.destroy();
  }
}
