// replica-reads: reads that go to replicas of a group, in the order that the dashboard gives: the nearest that answers.
//
// A replica without its master, or one that is loading, is left alone until INFO says that it is well again; the request that found out goes
// to the master. One whose connection is lost is tried again when the ping period is over.

import { latin1 } from '../../base/bytes.js';
import { replyText } from '../../client/reply.js';
import type { Clock, Timer } from '../../io/clock.js';
import type { Backend } from '../pool/backend.js';
import { ask } from '../routing/ask.js';
import type { Asker, Frame } from '../routing/router.js';
import { sendFor } from '../routing/send-for.js';
import type { ReplySink } from '../wire/reply-sink.js';

const ERROR = 45;
const stale = /^(?:MASTERDOWN|LOADING)\b/;

/** A read that goes to the master when the replica cannot serve it. */
class ReplicaRead implements ReplySink {
  private readonly bytes: Uint8Array;
  private isPassing = false;

  constructor(
    private readonly reads: ReplicaReads,
    private readonly replica: Backend,
    private readonly master: Backend,
    private readonly owner: ReplySink,
    private readonly tag: number,
    private readonly asker: Asker,
    frame: Frame,
  ) {
    this.bytes = frame.bytes.slice(frame.from, frame.from + frame.count);
  }

  send(): void {
    this.to(this.replica, this);
  }

  private to(backend: Backend, sink: ReplySink): void {
    sendFor(this.asker, backend, sink, sink === this ? 0 : this.tag, this.bytes, 0, this.bytes.length);
  }

  takeReply(_tag: number, bytes: Uint8Array, from: number, to: number): void {
    if (bytes[from] === ERROR && stale.test(latin1(bytes, from + 1, Math.min(16, to - from - 1)))) {
      this.reads.leave(this.replica);
      this.to(this.master, this.owner);
      return;
    }
    this.owner.takeReply(this.tag, bytes, from, to);
  }

  takePart(_tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean {
    const isTaken = this.owner.takePart(this.tag, bytes, from, to, isFirst, isLast);
    this.isPassing = isTaken && !isLast;
    return isTaken;
  }

  takeFailure(_tag: number, text: string, wasSent: boolean): void {
    this.reads.leave(this.replica);
    if (this.isPassing) {
      // The client has the first part of a reply: another one cannot follow.
      this.owner.takeFailure(this.tag, text, wasSent);
      return;
    }
    this.to(this.master, this.owner);
  }
}

export class ReplicaReads {
  /** Replicas that are left alone, with who looks after them. */
  private readonly left = new Map<Backend, Timer>();
  private next = 0;

  constructor(
    private readonly clock: Clock,
    private readonly periodMs: number,
  ) {}

  /** Sends a read to a replica; false when none is well. */
  send(
    groups: readonly (readonly Backend[])[],
    master: Backend,
    owner: ReplySink,
    tag: number,
    asker: Asker,
    frame: Frame,
  ): boolean {
    for (const group of groups) {
      for (let index = 0; index < group.length; index++) {
        const replica = group[(this.next + index) % group.length]!;
        if (this.left.has(replica)) continue;
        this.next++;
        new ReplicaRead(this, replica, master, owner, tag, asker, frame).send();
        return true;
      }
    }
    return false;
  }

  /** The replica cannot serve now. */
  leave(replica: Backend): void {
    if (this.left.has(replica)) return;
    const look = async (): Promise<void> => {
      let isWell = false;
      try {
        const info = replyText(await ask(replica, ['INFO', 'replication']));
        isWell = /role:master/.test(info) || /master_link_status:up/.test(info);
      } catch {
        // It does not answer yet.
      }
      if (!this.left.has(replica)) return;
      if (isWell) this.left.delete(replica);
      else
        this.left.set(
          replica,
          this.clock.after(this.periodMs, () => void look()),
        );
    };
    this.left.set(
      replica,
      this.clock.after(this.periodMs, () => void look()),
    );
  }

  forget(replica: Backend): void {
    this.left.get(replica)?.cancel();
    this.left.delete(replica);
  }

  close(): void {
    for (const timer of this.left.values()) timer.cancel();
    this.left.clear();
  }
}
