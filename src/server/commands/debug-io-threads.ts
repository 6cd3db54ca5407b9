// debug-io-threads: DEBUG IO-THREADS: makes connections move between the main thread and I/O threads, for tests.

import type { Forced, IoThreads } from '../../service/doors/io-threads.js';
import type { Client } from '../../service/clients/client.js';
import type { LateReply } from '../../service/host.js';
import { errors } from '../../protocol/errors.js';
import type { CallFor } from '../call.js';

/** The part of the server that the subcommand reaches. */
export interface IoThreadsDebugHost {
  readonly ioThreads: IoThreads | undefined;
  readonly clients: ReadonlyMap<number, Client>;
  suspend(call: { readonly client: unknown }): LateReply;
}

type Call = CallFor<IoThreadsDebugHost>;

const COUNT_MAX = 16;

function force(call: Call, threads: IoThreads, shuffles: boolean): void {
  const count = call.count > 3 ? call.integer(3) : 2;
  if (!(count >= 1 && count <= COUNT_MAX)) {
    call.reply.error(errors.notInteger);
    return;
  }
  const forced: Forced = { count, shuffles };
  const late = call.host.suspend(call);
  void threads.force(forced).then((refusal) => {
    late.resume((reply) => (refusal === undefined ? reply.ok() : reply.error(`ERR I/O threads: ${refusal}`)));
  });
}

/** Moves a client to a thread, counted from 1, or with 0 to the main thread. */
function move(call: Call, threads: IoThreads): void {
  const connection = call.host.clients.get(call.integer(3))?.connection;
  const number = call.integer(4);
  const thread = threads.threads.find(({ index }) => index === number - 1);
  if (connection === undefined) call.reply.error(errors.noSuchClient);
  else if (number !== 0 && thread === undefined) call.reply.error(errors.noSuchIoThread);
  else {
    // Not now: the client may be the one whose request this is.
    queueMicrotask(
      () => void (thread === undefined ? threads.moveBack(connection) : threads.moveOut(connection, thread)),
    );
    call.reply.ok();
  }
}

function kill(call: Call, threads: IoThreads): void {
  const thread = threads.threads.find(({ index }) => index === call.integer(3) - 1);
  if (thread === undefined) call.reply.error(errors.noSuchIoThread);
  else {
    void thread.worker.terminate();
    call.reply.ok();
  }
}

export function debugIoThreads(call: Call): void {
  const threads = call.host.ioThreads;
  if (threads === undefined) {
    call.reply.error('ERR I/O threads: this server has none');
    return;
  }
  const what = call.text(2).toLowerCase();
  if (what === 'force' || what === 'shuffle') force(call, threads, what === 'shuffle');
  else if (what === 'off') {
    threads.unforce();
    call.reply.ok();
  } else if (what === 'moves') call.reply.integer(threads.moveCount);
  else if (what === 'move' && call.count === 5) move(call, threads);
  else if (what === 'kill' && call.count === 4) kill(call, threads);
  else call.reply.error(errors.syntax);
}
