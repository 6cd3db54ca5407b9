// client-line: one client as CLIENT LIST and the logs show it.

import type { ClientFeatures } from './client-features.js';
import type { Config } from '../config/config.js';
import type { PubSub } from '../pubsub/pubsub.js';
import { type Client, Gate } from './client.js';

/** The parts that know what a client takes. */
export interface ClientMemoryHost {
  readonly clientFeatures: ClientFeatures;
  /** Bytes of the arguments of the command that a client runs or waits with. */
  argumentBytes(client: Client): number;
}

/** The state of a client in features that not every server has: waiting, transactions, tracking. */
export interface ClientState {
  readonly isBlocked: boolean;
  /** CLIENT TRACKING sends its messages to a client that is gone. */
  readonly isTrackingBroken: boolean;
  readonly broadcasts: boolean;
  /** Number of the client that gets its messages; -1 without tracking, 0 for itself. */
  readonly redirection: number;
  /** A watched key was touched. */
  readonly isTouched: boolean;
  readonly watchedCount: number;
  /** Commands that are queued for EXEC; -1 outside MULTI. */
  readonly queuedCount: number;
  readonly queuedBytes: number;
}

/** The state of a client where there are no such features. */
export const plainState: ClientState = {
  isBlocked: false,
  isTrackingBroken: false,
  broadcasts: false,
  redirection: -1,
  isTouched: false,
  watchedCount: 0,
  queuedCount: -1,
  queuedBytes: 0,
};

/** Everything that a line shows. */
export interface ClientLineHost extends ClientMemoryHost {
  readonly config: Config;
  readonly pubsub: PubSub;
  nowMs(): number;
  stateOf(client: Client): ClientState;
  requestBytes(client: Client): number;
}

function flagsOf(state: ClientState, client: Client): string {
  let flags = '';
  if (client.monitors) flags += 'O';
  if (client.kind === 'replica') flags += client.isDataChannel ? 'SC' : 'S';
  if (client.kind === 'master') flags += 'M';
  if (client.kind === 'pubsub') flags += 'P';
  if ((client.gates & Gate.MULTI) !== 0) flags += 'x';
  if (state.isBlocked || client.paused) flags += 'b';
  if ((client.gates & Gate.TRACKING) !== 0) flags += 't';
  if (state.isTrackingBroken) flags += 'R';
  if (state.broadcasts) flags += 'B';
  if (state.isTouched) flags += 'd';
  if (client.unixSocket) flags += 'U';
  if (client.readOnly) flags += 'r';
  if (client.noEvict) flags += 'e';
  if ((client.gates & Gate.NO_TOUCH) !== 0) flags += 'T';
  return flags === '' ? 'N' : flags;
}

/** The fields of CLIENT LIST, in Redis's order, without a line end. */
export function clientLine(server: ClientLineHost, client: Client): string {
  const nowMs = server.nowMs();
  const state = server.stateOf(client);
  const { connection, pubsub } = { connection: client.connection, pubsub: server.pubsub };
  const queryBytes = (connection?.shownQueryBytes ?? 0) + server.requestBytes(client);
  const bufferBytes = connection?.queryBufferBytes ?? 0;
  const unsent = connection?.wire.unsentBytes ?? 0;
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', client.id],
    ['addr', client.unixSocket ? `${server.config.text('unixsocket').value}:0` : client.remote],
    ['laddr', client.unixSocket ? `${server.config.text('unixsocket').value}:0` : client.local],
    ['fd', client.id + 7],
    ['name', client.name],
    ['age', Math.floor((nowMs - client.createdMs) / 1000)],
    ['idle', Math.floor((nowMs - client.lastInteractionMs) / 1000)],
    ['flags', flagsOf(state, client)],
    ['db', client.databaseIndex],
    ['sub', pubsub.countOf(client, 'channels')],
    ['psub', pubsub.countOf(client, 'patterns')],
    ['ssub', pubsub.countOf(client, 'shardChannels')],
    ['multi', state.queuedCount],
    ['watch', state.watchedCount],
    ['qbuf', queryBytes],
    ['qbuf-free', Math.max(0, bufferBytes - queryBytes)],
    ['argv-mem', server.argumentBytes(client)],
    ['multi-mem', state.queuedBytes],
    // All clients share one reply buffer.
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', unsent > 0 ? 1 : 0],
    ['omem', unsent],
    ['tot-mem', memoryOf(server, client)],
    ['events', unsent > 0 ? 'rw' : 'r'],
    ['cmd', client.lastCommand === '' ? 'NULL' : client.lastCommand],
    ['user', client.user === undefined ? '(superuser)' : client.user.name],
    ['redir', state.redirection],
    ['resp', client.protocol],
    ['lib-name', client.libraryName],
    ['lib-ver', client.libraryVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(' ');
}

/** Bytes that a client takes: its buffers, what features keep for it, and a fixed part. */
export function memoryOf(server: ClientMemoryHost, client: Client): number {
  const { connection } = client;
  const buffers = (connection?.queryBufferBytes ?? 0) + (connection?.wire.unsentBytes ?? 0);
  const names = client.name.length + client.libraryName.length + client.libraryVersion.length;
  return 2048 + buffers + names + server.argumentBytes(client) + server.clientFeatures.bytes(client);
}
