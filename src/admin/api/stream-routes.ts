// stream-routes: MONITOR, pub/sub and a sentinel's events as they happen, with bounds that protect the server and the page.
//
// MONITOR costs a server up to half of its speed, so it ends by itself after at most five minutes, and at once when the page
// closes. No more than so many events a second go to the page; the rest is counted.
import type { Connection } from '../../client/connection.js';
import { isAggregate, isError, type Reply, replyText } from '../../client/reply.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import { atEnd } from '../access/sessions.js';
import { EventStream } from '../http/event-stream.js';
import type { Route, Visit } from '../http/route.js';
import { bytesOfText, textOfBytes } from '../text-bytes.js';

const eventsPerSecond = 500;
const monitorSecondsMax = 300;
const streamsMax = 5;
const lineMax = 4000;
const namesMax = 50;

export function streamRoutes(admin: AdminContext): Route[] {
  const streams = new Streams(admin);
  return [
    { method: 'GET', path: '/api/servers/:id/monitor', role: 'operator', run: (visit) => streams.monitor(visit) },
    { method: 'GET', path: '/api/servers/:id/subscribe', role: 'viewer', run: (visit) => streams.subscribe(visit) },
  ];
}

class Streams {
  private readonly open = new Map<string, number>();

  constructor(private readonly admin: AdminContext) {}

  async monitor(visit: Visit): Promise<void> {
    const { rights, query } = visit;
    if (rights.prefixes.length > 0) throw new ApiError('forbidden', 'MONITOR shows all keys, and yours are limited.');
    const seconds = Math.min(monitorSecondsMax, Math.max(1, Number(query.get('seconds') ?? 60) || 60));
    const filter = (query.get('filter') ?? '').toLowerCase();
    const link = this.admin.link(visit, visit.params.id!);
    this.admin.record(visit, link.entry, 'monitor', 'started', { detail: `${seconds} s` });
    await this.run(visit, ['MONITOR'], seconds, (reply) => {
      if (reply.kind !== 'status') return undefined;
      const line = textOfBytes(reply.bytes.subarray(0, lineMax));
      if (line === 'OK') return undefined; // the reply to MONITOR itself
      return filter !== '' && !line.toLowerCase().includes(filter) ? undefined : ['line', line];
    });
  }

  async subscribe(visit: Visit): Promise<void> {
    const { rights, query } = visit;
    if (rights.prefixes.length > 0)
      throw new ApiError('forbidden', 'Messages may be about all keys, and yours are limited.');
    // Those with bytes that are no UTF-8 come as base64url.
    const names = [
      ...query.getAll('channel').map(bytesOfText),
      ...query.getAll('channel64').map((name) => Buffer.from(name, 'base64url')),
    ]
      .filter((name) => name.length > 0)
      .slice(0, namesMax);
    if (names.length === 0) throw new ApiError('bad-input', 'Name a channel.');
    const isPattern = query.get('kind') === 'pattern';
    await this.run(visit, [isPattern ? 'PSUBSCRIBE' : 'SUBSCRIBE', ...names], undefined, (reply) => {
      if (!isAggregate(reply)) return undefined;
      const words = reply.elements.map((element) =>
        element.kind === 'bulk' ? element.bytes : Buffer.from(replyText(element)),
      );
      const kind = textOfBytes(words[0] ?? Buffer.alloc(0));
      if (kind !== 'message' && kind !== 'pmessage') return undefined;
      const [channel, text] = words.slice(-2);
      return [
        'message',
        {
          channel: textOfBytes(channel!.subarray(0, lineMax)),
          text: textOfBytes(text!.subarray(0, lineMax)),
          bytes: text!.length,
        },
      ];
    });
  }

  private async run(
    visit: Visit,
    words: (string | Uint8Array)[],
    seconds: number | undefined,
    eventOf: (reply: Reply) => [string, unknown] | undefined,
  ): Promise<void> {
    const { clock } = this.admin.parts;
    const { session, response } = visit;
    const link = this.admin.link(visit, visit.params.id!);
    // Counted, and given back at the end of the response, before the connection is there: that may take long.
    this.count(session.id);
    const ends: (() => void)[] = [];
    const endAll = (): void => {
      for (const end of ends) end();
    };
    response.once('close', () => {
      endAll();
      this.uncount(session.id);
    });
    const connection = await link.open(0);
    const stop = (): void => connection.close();
    ends.push(stop, atEnd(session, stop));
    if (response.destroyed) {
      endAll();
      return;
    }
    const stream = new EventStream(response, clock);
    let isOver = false;
    const timer =
      seconds === undefined
        ? undefined
        : clock.after(seconds * 1000, () => {
            isOver = true;
            stop();
          });
    try {
      connection.send(words);
      await this.pump(connection, stream, eventOf);
    } catch (error) {
      stream.end('end', { reason: isOver ? 'time' : (error as Error).message });
    } finally {
      timer?.cancel();
      stop();
    }
  }

  private count(session: string): void {
    const count = this.open.get(session) ?? 0;
    if (count >= streamsMax) throw new ApiError('too-many', `At most ${streamsMax} live views at a time.`);
    this.open.set(session, count + 1);
  }

  private uncount(session: string): void {
    const left = (this.open.get(session) ?? 1) - 1;
    if (left > 0) this.open.set(session, left);
    else this.open.delete(session);
  }

  /** Passes events on until the connection ends. */
  private async pump(
    connection: Connection,
    stream: EventStream,
    eventOf: (reply: Reply) => [string, unknown] | undefined,
  ): Promise<never> {
    const { clock } = this.admin.parts;
    let windowMs = clock.steadyMs();
    let sent = 0;
    let left = 0;
    const tellDropped = (): void => {
      if (left + stream.dropped > 0) stream.send('dropped', { count: left + stream.dropped });
    };
    for (;;) {
      const reply = await connection.readReply().catch((error: unknown) => {
        tellDropped();
        throw error;
      });
      if (isError(reply)) throw new Error(replyText(reply));
      const event = eventOf(reply);
      if (event === undefined) continue;
      const nowMs = clock.steadyMs();
      if (nowMs - windowMs >= 1000) {
        tellDropped();
        windowMs = nowMs;
        sent = 0;
        left = 0;
        stream.dropped = 0;
      }
      if (sent < eventsPerSecond) {
        sent++;
        stream.send(event[0], event[1]);
      } else left++;
    }
  }
}
