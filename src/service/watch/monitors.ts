// monitors: MONITOR: sends every command that runs to the clients that asked, without secrets.

import type { Clock } from '../../io/clock.js';
import { latin1 } from '../../base/bytes.js';
import { latin1Bytes } from '../../base/bytes.js';
import { type Client, Gate } from '../clients/client.js';
import type { ClientCall } from '../call.js';

/** The gate that makes commands pass by here, and how arguments are shown. */
export interface MonitorsHost {
  gates: number;
  readonly clock: Clock;
  shownArgument(call: ClientCall, index: number): Uint8Array;
}

/** A word in double quotes with everything that is not printable escaped, as MONITOR and the logs show arguments. */
export function quoted(bytes: Uint8Array): string {
  let text = '"';
  for (const char of latin1(bytes)) {
    if (char === '\\' || char === '"') text += `\\${char}`;
    else if (char === '\n') text += '\\n';
    else if (char === '\r') text += '\\r';
    else if (char === '\t') text += '\\t';
    else if (char === '\u0007') text += '\\a';
    else if (char === '\b') text += '\\b';
    else if (char >= ' ' && char <= '~') text += char;
    else text += `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  }
  return `${text}"`;
}

/** Further apart, the clocks are compared anew. */
const CLOCKS_APART_MS_MAX = 2;

export class Monitors {
  private readonly clients = new Set<Client>();
  private readonly listeners = new Set<(call: ClientCall, database: number) => void>();
  /** A moment on both clocks: the wall's counts milliseconds, the steady one parts of them. */
  private wallAnchorMs = 0;
  private steadyAnchorMs = 0;

  constructor(private readonly server: MonitorsHost) {}

  get count(): number {
    return this.clients.size + this.listeners.size;
  }

  /** Calls `listener` for every command that MONITOR shows; returns what ends that. */
  watch(listener: (call: ClientCall, database: number) => void): () => void {
    this.listeners.add(listener);
    this.server.gates |= Gate.MONITORED;
    return () => {
      this.listeners.delete(listener);
      this.lowerGate();
    };
  }

  private lowerGate(): void {
    if (this.clients.size === 0 && this.listeners.size === 0) this.server.gates &= ~Gate.MONITORED;
  }

  add(client: Client): void {
    this.clients.add(client);
    client.monitors = true;
    this.server.gates |= Gate.MONITORED;
  }

  forget(client: Client): void {
    if (!this.clients.delete(client)) return;
    client.monitors = false;
    this.lowerGate();
  }

  reset(client: Client): void {
    this.forget(client);
  }

  /** The time with microseconds. */
  private preciseMs(): number {
    const { clock } = this.server;
    const wall = clock.wallMs();
    const steady = clock.steadyMs();
    const precise = this.wallAnchorMs + steady - this.steadyAnchorMs;
    if (Math.abs(precise - wall) <= CLOCKS_APART_MS_MAX) return precise;
    // The first time, and when the wall clock was set.
    this.wallAnchorMs = wall;
    this.steadyAnchorMs = steady;
    return wall;
  }

  /** Tells a command; `origin` stands for the address of commands that come from no socket ('lua'). */
  feed(call: ClientCall, database: number, origin: string | undefined): void {
    for (const listener of this.listeners) listener(call, database);
    if (this.clients.size === 0) return;
    let line = `+${(this.preciseMs() / 1000).toFixed(6)} [${database} ${origin ?? (call.client.unixSocket ? `unix:${call.client.local}` : call.client.remote)}]`;
    for (let index = 0; index < call.count; index++) line += ` ${quoted(this.server.shownArgument(call, index))}`;
    const bytes = latin1Bytes(`${line}\r\n`);
    for (const client of this.clients) client.push(bytes);
  }
}
