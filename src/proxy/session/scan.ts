// scan: SCAN over all servers, one after the other, with a cursor that holds everything: the proxy remembers nothing.
//
// The client's cursor is the server's cursor times SERVERS_MAX plus the server's number, which counts from the last server, that is
// 1, up to the first. When a server is done, the cursor names the next one; the last one's end is the end. Servers that leave at
// the end of a migration are the first of the list, so a cursor then names the server that it named before.

import { latin1, latin1Bytes, utf8 } from '../../base/bytes.js';
import { errors } from '../../protocol/errors.js';
import type { ReplySink } from '../wire/reply-sink.js';
import type { DispatchParts } from './dispatch-parts.js';
import type { Session } from './session.js';

const SERVERS_MAX = 4096n;

class ScanReply implements ReplySink {
  constructor(
    private readonly session: Session,
    /** 1 for the last. */
    private readonly server: bigint,
  ) {}

  takeReply(tag: number, bytes: Uint8Array, from: number, to: number): void {
    // *2, then the cursor as a bulk string, then the keys.
    const head = latin1(bytes, from, Math.min(to - from, 64));
    const match = /^\*2\r\n\$\d+\r\n(\d+)\r\n/.exec(head);
    if (match === null) {
      this.session.takeReply(tag, bytes, from, to);
      return;
    }
    const cursor = BigInt(match[1]!);
    const next = cursor === 0n ? this.server - 1n : cursor * SERVERS_MAX + this.server;
    const text = next.toString();
    const header = latin1Bytes(`*2\r\n$${text.length}\r\n${text}\r\n`);
    const rest = bytes.subarray(from + match[0].length, to);
    const reply = new Uint8Array(header.length + rest.length);
    reply.set(header);
    reply.set(rest, header.length);
    this.session.takeReply(tag, reply, 0, reply.length);
  }

  takePart(): boolean {
    return false;
  }

  takeFailure(tag: number, text: string): void {
    this.session.takeFailure(tag, text);
  }
}

export function runScan(dispatcher: DispatchParts, session: Session): void {
  const { call, frame, frames } = dispatcher;
  const { router } = session.pool;
  const { backends } = router;
  const given = call.bigInteger(1);
  if (given === undefined || given < 0n || !/^\d+$/.test(call.text(1))) {
    session.answerError(errors.invalidCursor);
    return;
  }
  const count = backends.length;
  // One that has left had given everything away.
  const server = given === 0n ? count : Math.min(count, Number(given % SERVERS_MAX));
  const cursorAtServer = Number(given % SERVERS_MAX) > count ? 0n : given / SERVERS_MAX;
  const backend = server === 0 ? undefined : backends[count - server];
  if (given > 0n && server === 0) {
    session.answerError(errors.invalidCursor);
    return;
  }
  if (backend === undefined) {
    session.answerError(router.error);
    return;
  }
  const cursor = utf8(cursorAtServer.toString());
  frames.begin(call.count);
  frames.argument(call.bytes, call.starts[0]!, call.lengths[0]!);
  frames.argument(cursor, 0, cursor.length);
  for (let index = 2; index < call.count; index++)
    frames.argument(call.bytes, call.starts[index]!, call.lengths[index]!);
  frames.finish(frame);
  backend
    .connection(session.lane, session.databaseIndex, session.protocol)
    .send(new ScanReply(session, BigInt(server)), session.order.take(), frame.bytes, frame.from, frame.count);
}
