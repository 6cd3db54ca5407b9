// scrape-door: a port that answers GET requests of a monitoring system: /metrics and /health, and nothing else.
//
// HTTP/1.1 as far as a scraper needs it, over the network that comes in, so that it runs in a simulated world and costs no module at
// the start. Each connection serves one request and is closed: scrapes are seconds apart. A request that is slow, long or none
// ends its connection; more connections than a few are refused, because only a scraper comes here.
//
// Source of the format: RFC 9112.

import { utf8 } from '../../base/bytes.js';
import type { Clock, Timer } from '../../io/clock.js';
import type { Listener, Network } from '../../io/network.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import { contentTypes, type ExpositionFormat, wantedFormat } from './exposition.js';

export interface Health {
  readonly isHealthy: boolean;
  /** The other fields of the reply, as JSON. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** The source of the figures. */
export interface ScrapeSource {
  metrics(format: ExpositionFormat): string;
  health(): Health;
}

export interface ScrapeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const REQUEST_BYTES_MAX = 16 << 10;
const REQUEST_MS_MAX = 10_000;
const CONNECTION_COUNT_MAX = 64;
const reasons: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};
const TEXT = 'text/plain; charset=utf-8';

/** The answer to the path and `Accept` header of a GET request. */
export function scrapeAnswer(source: ScrapeSource, target: string, accept: string): ScrapeAnswer {
  const path = target.split('?', 1)[0];
  try {
    if (path === '/metrics') {
      const format = wantedFormat(accept);
      return { status: 200, contentType: contentTypes[format], body: source.metrics(format) };
    }
    if (path === '/health' || path === '/healthz') {
      const { isHealthy, details } = source.health();
      const body = `${JSON.stringify({ status: isHealthy ? 'ok' : 'unavailable', ...details })}\n`;
      return { status: isHealthy ? 200 : 503, contentType: 'application/json', body };
    }
  } catch (error) {
    // A fault in a figure must not end the server.
    return { status: 500, contentType: TEXT, body: `${error instanceof Error ? error.message : String(error)}\n` };
  }
  if (path === '/') return { status: 200, contentType: TEXT, body: '/metrics\n/health\n' };
  return { status: 404, contentType: TEXT, body: 'There are /metrics and /health here.\n' };
}

/** The bytes of an answer; without the body for HEAD. */
export function httpBytes({ status, contentType, body }: ScrapeAnswer, withBody = true): Uint8Array {
  const content = utf8(body);
  const head = [
    `HTTP/1.1 ${status} ${reasons[status] ?? ''}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${content.length}`,
    ...(status === 405 ? ['Allow: GET, HEAD'] : []),
    'Cache-Control: no-store',
    'X-Content-Type-Options: nosniff',
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  return withBody ? Buffer.concat([utf8(head), content]) : utf8(head);
}

/** The answer to a request whose head is all there. */
export function answerRequest(source: ScrapeSource, head: string): Uint8Array {
  const [line = '', ...fields] = head.split('\r\n');
  const [, method, target] = /^([A-Z]{1,16}) (\S+) HTTP\/1\.[01]$/.exec(line) ?? [];
  if (method === undefined || target === undefined)
    return httpBytes({ status: 400, contentType: TEXT, body: 'This is no request of HTTP/1.\n' });
  if (method !== 'GET' && method !== 'HEAD')
    return httpBytes({ status: 405, contentType: TEXT, body: 'Only GET and HEAD are served here.\n' });
  const accept = fields.find((field) => /^accept:/i.test(field)) ?? '';
  return httpBytes(scrapeAnswer(source, target, accept), method === 'GET');
}

class Visitor implements WireEvents {
  private text = '';
  private isAnswered = false;
  private readonly timer: Timer;

  constructor(
    private readonly wire: Wire,
    private readonly source: ScrapeSource,
    clock: Clock,
    private readonly left: () => void,
  ) {
    this.timer = clock.after(REQUEST_MS_MAX, () => this.wire.destroy());
  }

  onData(bytes: Uint8Array, count: number): void {
    if (this.isAnswered) return;
    this.text += Buffer.from(bytes.buffer, bytes.byteOffset, count).toString('latin1');
    const end = this.text.indexOf('\r\n\r\n');
    if (end >= 0) this.answer(answerRequest(this.source, this.text.slice(0, end)));
    else if (this.text.length > REQUEST_BYTES_MAX)
      this.answer(httpBytes({ status: 431, contentType: TEXT, body: 'The request is too long.\n' }));
  }

  onDrain(): void {}

  onEnd(): void {
    if (!this.isAnswered) this.wire.end();
  }

  onClose(): void {
    this.timer.cancel();
    this.left();
  }

  /** Closes at once. */
  destroy(): void {
    this.timer.cancel();
    this.wire.destroy();
  }

  private answer(bytes: Uint8Array): void {
    this.isAnswered = true;
    this.text = '';
    this.wire.write(bytes);
    this.wire.end();
  }
}

export class ScrapeDoor {
  private listeners: Listener[] = [];
  private readonly visitors = new Set<Visitor>();

  constructor(
    private readonly network: Network,
    private readonly clock: Clock,
    private readonly source: ScrapeSource,
  ) {}

  /** The port that is listened on; -1 for none. */
  get port(): number {
    return this.listeners[0]?.port ?? -1;
  }

  /** Listens on these addresses instead of those before; port 0 closes the door. Rejects with the system's error. */
  async open(hosts: readonly string[], port: number): Promise<void> {
    const before = this.listeners;
    this.listeners = [];
    for (const listener of before) listener.close();
    if (port === 0) return;
    const opened: Listener[] = [];
    try {
      for (const host of hosts) {
        // As in `bind`, an address with a '-' in front may be missing.
        const isOptional = host.startsWith('-');
        try {
          opened.push(await this.listen(isOptional ? host.slice(1) : host, port));
        } catch (error) {
          if (!isOptional) throw error;
        }
      }
    } catch (error) {
      for (const listener of opened) listener.close();
      throw error;
    }
    this.listeners = opened;
  }

  close(): void {
    for (const listener of this.listeners) listener.close();
    this.listeners = [];
    for (const visitor of [...this.visitors]) visitor.destroy();
    this.visitors.clear();
  }

  private listen(host: string, port: number): Promise<Listener> {
    return this.network.listen({ host, port, backlog: 64, keepAliveSeconds: () => 0 }, (wire) => this.accept(wire));
  }

  private accept(wire: Wire): WireEvents {
    const visitor: Visitor = new Visitor(wire, this.source, this.clock, () => this.visitors.delete(visitor));
    if (this.visitors.size >= CONNECTION_COUNT_MAX) {
      visitor.destroy();
      return visitor;
    }
    this.visitors.add(visitor);
    return visitor;
  }
}
