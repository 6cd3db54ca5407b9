// dispatcher: handles one request: sends it on as it is, splits it, asks all servers, or answers it here.
//
// `execute` is the hot path: a command with a key, from a client in no special state, is found, placed and appended to a server's
// output without an object being made. All else leaves it early for one of the functions below or a file of its own.

import type { Clock } from '../../io/clock.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import { RequestReader } from '../../protocol/request.js';
import { Call } from '../../registry/call.js';
import { fitsArity, type Command } from '../../registry/command.js';
import { findKeys, FoundKeys } from '../../registry/find-keys.js';
import type { CommandTable } from '../../registry/table.js';
import { latin1 } from '../../base/bytes.js';
import type { Backend } from '../pool/backend.js';
import type { HotCache } from '../pool/hot-cache.js';
import { Merge } from '../routing/merge.js';
import { planOf, type Plan } from '../routing/plan.js';
import type { Frame } from '../routing/router.js';
import { sendFor } from '../routing/send-for.js';
import type { Turn } from '../wire/output.js';
import { FrameWriter } from './frame-writer.js';
import { runBlocking } from './borrowing.js';
import { runScan } from './scan.js';
import type { DispatchParts, ServerOfCall } from './dispatch-parts.js';
import type { Session, SessionHost } from './session.js';
import { runInTransaction, runTransactionCommand } from './transaction.js';

export interface DispatcherHost {
  /** Commands that the proxy answers, PING to CONFIG. */
  runLocal(session: Session, plan: Plan, call: Call): void;
  runPubSub(session: Session, plan: Plan, call: Call): void;
  sessionClosed(session: Session, error: Error | undefined): void;
}

const refusedCall: ServerOfCall = { backend: undefined, isRefused: true, changed: undefined };
const crossServer = 'CROSSSLOT Keys in request do not lie on the same server';

export class Dispatcher implements SessionHost, DispatchParts {
  readonly reader = new RequestReader();
  readonly call = new Call();
  readonly frame: Frame = { bytes: this.call.bytes, from: 0, count: 0, keyStart: 0, keyLength: -1 };
  readonly found = new FoundKeys();
  readonly frames = new FrameWriter();
  readonly plans: (Plan | undefined)[] = [];
  /** Clients that are being monitored and the like look here; undefined most of the time. */
  onCommand: ((session: Session, plan: Plan, call: Call) => void) | undefined;

  constructor(
    readonly table: CommandTable<never>,
    readonly turn: Turn,
    readonly clock: Clock,
    private readonly host: DispatcherHost,
  ) {
    for (const command of table.commands.values()) this.plans[command.id] = planOf(command as Command);
  }

  /** Milliseconds since 1970. */
  nowMs(): number {
    return this.clock.wallMs();
  }

  sessionClosed(session: Session, error: Error | undefined): void {
    this.host.sessionClosed(session, error);
  }

  /** Runs the request in `call`; it lies in its buffer from `start` to `end`, or `start` is -1 for a line of words. @hot */
  execute(session: Session, start: number, end: number): void {
    if (session.replyMode === 'on') this.executeAloud(session, start, end);
    else this.executeSilently(session, start, end);
  }

  /** CLIENT REPLY OFF and SKIP: the request runs, and whatever is said to it goes nowhere. */
  private executeSilently(session: Session, start: number, end: number): void {
    const { call } = this;
    if (call.count > 1 && call.is(0, 'client') && call.is(1, 'reply')) {
      this.executeAloud(session, start, end);
      return;
    }
    const { replyMode } = session;
    if (replyMode === 'skip') session.replyMode = 'on';
    session.muted(() => this.executeAloud(session, start, end));
    if (session.runsAgain) session.replyMode = replyMode;
  }

  /** @hot */
  private executeAloud(session: Session, start: number, end: number): void {
    const { call } = this;
    const command = this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
    if (command === undefined) {
      this.refuseUnknown(session);
      return;
    }
    let plan = this.plans[command.id]!;
    if (plan.subplans !== undefined && call.count > 1) {
      const subplan = plan.subplans.get(call.text(1).toLowerCase());
      if (subplan === undefined && plan.kind !== 'local') {
        session.answerError(`ERR unknown subcommand '${call.shown(1)}'. Try ${command.name.toUpperCase()} HELP.`);
        return;
      }
      plan = subplan ?? plan;
    }
    if (plan.drains && !session.isDrained()) return;
    if (session.generation !== session.pool.generation && !this.isOfNow(session)) return;
    plan.calls++;
    session.lastCommand = plan.command.fullName;
    if (!session.isAuthenticated && !this.mayRunUnauthenticated(session, plan)) return;
    if (!fitsArity(plan.command, call.count) && (plan.subplans === undefined || plan.kind !== 'local')) {
      this.refuse(session, plan, wrongArity(plan.command.fullName));
      return;
    }
    if (session.user !== undefined && !session.user.unrestricted && !this.isAllowed(session, plan)) return;
    if (session.pool.router.preparation !== undefined) {
      if (!this.isPrepared(session, plan)) return;
    } else if (session.isPrepared) {
      session.isPrepared = false;
      session.preparationError = '';
    }
    const { frame } = this;
    if (start >= 0) {
      frame.bytes = call.bytes;
      frame.from = start;
      frame.count = end - start;
    } else {
      this.frames.begin(call.count);
      for (let index = 0; index < call.count; index++)
        this.frames.argument(call.bytes, call.starts[index]!, call.lengths[index]!);
      this.frames.finish(frame);
    }
    if (session.pool.cache !== undefined && plan.isWrite && plan.kind !== 'key' && session.databaseIndex === 0)
      this.forgetOther(session, plan);
    if (this.onCommand !== undefined) this.onCommand(session, plan, call);
    if (session.transaction !== undefined || session.subscriptionCount > 0) {
      this.executeInState(session, plan);
      return;
    }
    this.run(session, plan);
  }

  /** @hot */
  private run(session: Session, plan: Plan): void {
    if (plan.kind === 'key') this.sendByKey(session, plan);
    else this.runOther(session, plan);
  }

  /** @hot */
  private sendByKey(session: Session, plan: Plan): void {
    const { call, frame } = this;
    const { router } = session.pool;
    let { keyIndex } = plan;
    if (!plan.isDirect || keyIndex >= call.count) {
      keyIndex = this.keyOf(session, plan);
      if (keyIndex < 0) return;
    }
    frame.keyStart = call.starts[keyIndex]!;
    frame.keyLength = call.lengths[keyIndex]!;
    if (session.pool.watch !== undefined) {
      this.sendWatched(session, plan);
      return;
    }
    if (router.forward !== undefined) {
      router.forward(session, session.order.take(), session, plan, frame);
      return;
    }
    const backend = router.pick(call.bytes, frame.keyStart, frame.keyLength, plan.isWrite);
    if (backend === undefined) {
      this.refuse(session, plan, router.error);
      return;
    }
    this.sendTo(session, backend);
  }

  /** As the rest of `sendByKey`, in a pool that counts its keys, and may keep some. */
  private sendWatched(session: Session, plan: Plan): void {
    const { call, frame } = this;
    const { router, watch, cache } = session.pool;
    const { databaseIndex } = session;
    const backend =
      router.forward === undefined ? router.pick(call.bytes, frame.keyStart, frame.keyLength, plan.isWrite) : undefined;
    if (backend === undefined && router.forward === undefined) {
      this.refuse(session, plan, router.error);
      return;
    }
    const isGet = plan.command.name === 'get' && databaseIndex === 0 && session.protocol === 2;
    if (cache !== undefined && backend !== undefined && databaseIndex === 0) {
      const name = latin1(frame.bytes, frame.keyStart, frame.keyLength);
      if (plan.isWrite) this.forgetWritten(session, plan);
      else if (isGet && this.answerFromCache(session, cache, name, backend)) return;
    }
    const sequence = session.order.take();
    const sink = watch!.see(session, sequence, databaseIndex, plan, frame) ?? session;
    const tag = sink === session ? sequence : 0;
    if (router.forward !== undefined) {
      router.forward(sink, tag, session, plan, frame);
      return;
    }
    const connection = backend!.connection(session.lane, databaseIndex, session.protocol);
    connection.send(sink, tag, frame.bytes, frame.from, frame.count);
    if (connection.isCongested) backend!.whenDrained(session.waitForServer());
  }

  private answerFromCache(session: Session, cache: HotCache, name: string, backend: Backend): boolean {
    const { frame } = this;
    session.pool.watch!.heat(session.databaseIndex, name);
    const sequence = session.order.take();
    const found = cache.get(name, backend, session, sequence, frame.bytes.slice(frame.from, frame.from + frame.count));
    if (found === undefined) {
      session.order.giveBack(sequence);
      return false;
    }
    if (found !== 'fetched') session.takeReply(sequence, found, 0, found.length);
    return true;
  }

  private forgetOther(session: Session, plan: Plan): void {
    if (plan.kind === 'split' || plan.kind === 'blocking') this.forgetWritten(session, plan);
    else if (plan.kind === 'transaction' || plan.kind === 'all') session.pool.cache!.clear();
  }

  /** Drops the keys that the request writes from the cache. */
  private forgetWritten(session: Session, plan: Plan): void {
    const { call, found } = this;
    const { router, cache } = session.pool;
    if (!findKeys(plan.command as Command<Call>, call, false, found)) return;
    for (let index = 0; index < found.count; index++) {
      const at = found.indexes[index]!;
      const backend = router.pick(call.bytes, call.starts[at]!, call.lengths[at]!, true);
      if (backend !== undefined) cache!.written(call.text(at), backend);
    }
  }

  /** @hot */
  private sendTo(session: Session, backend: Backend): void {
    const { frame } = this;
    const connection = backend.connection(session.lane, session.databaseIndex, session.protocol);
    connection.send(session, session.order.take(), frame.bytes, frame.from, frame.count);
    if (connection.isCongested) backend.whenDrained(session.waitForServer());
  }

  /** The argument that says where the command goes; -1 when it was refused. */
  private keyOf(session: Session, plan: Plan): number {
    const { call, found } = this;
    if (!findKeys(plan.command as Command<Call>, call, false, found)) {
      this.refuse(
        session,
        plan,
        plan.command.name === 'eval' ? 'ERR value is not an integer or out of range' : errors.syntax,
      );
      return -1;
    }
    if (found.count === 0) {
      // A script without keys, MIGRATE's kin: any server will do.
      const backend = session.pool.router.any();
      if (backend === undefined) this.refuse(session, plan, session.pool.router.error);
      else this.sendTo(session, backend);
      return -1;
    }
    if (plan.checksKeys && !this.areTogether(session)) {
      this.refuse(session, plan, crossServer);
      return -1;
    }
    return found.indexes[0]!;
  }

  /** Whether the keys in `found` have one place. */
  areTogether(session: Session): boolean {
    const { call, found } = this;
    const { router } = session.pool;
    let place = -1;
    for (let index = 0; index < found.count; index++) {
      const at = found.indexes[index]!;
      const next = router.placeOf(call.bytes, call.starts[at]!, call.lengths[at]!);
      if (place >= 0 && next !== place) return false;
      place = next;
    }
    return true;
  }

  private runOther(session: Session, plan: Plan): void {
    switch (plan.kind) {
      case 'split':
        this.split(session, plan);
        return;
      case 'all':
        this.askAll(session, plan);
        return;
      case 'any':
        this.sendToAny(session, plan);
        return;
      case 'local':
        this.host.runLocal(session, plan, this.call);
        return;
      case 'blocking':
        runBlocking(this, session, plan);
        return;
      case 'transaction':
        runTransactionCommand(this, session, plan);
        return;
      case 'pubsub':
        this.host.runPubSub(session, plan, this.call);
        return;
      case 'scan':
        runScan(this, session);
        return;
      default:
        this.refuse(session, plan, `ERR the proxy does not support '${plan.command.fullName}': ${plan.reason}`);
    }
  }

  /** Whether nothing must happen before the request; else it is answered, or read again later. */
  private isPrepared(session: Session, plan: Plan): boolean {
    const { call, found } = this;
    if (session.isPrepared) {
      session.isPrepared = false;
      const { preparationError } = session;
      if (preparationError === '') return true;
      session.preparationError = '';
      this.refuse(session, plan, `ERR the keys cannot be fetched from where they were: ${preparationError}`);
      return false;
    }
    const preparation = session.pool.router.preparation!;
    let work: Promise<void> | undefined;
    if (plan.kind === 'all' || plan.kind === 'any' || plan.kind === 'scan') {
      work = preparation.prepareAll?.();
    } else if (plan.kind !== 'local' && plan.kind !== 'pubsub' && plan.kind !== 'refused') {
      if (!findKeys(plan.command as Command<Call>, call, false, found)) return true;
      const keys: Uint8Array[] = [];
      for (let index = 0; index < found.count; index++) keys.push(call.copy(found.indexes[index]!));
      // EXEC, and scripts without keys.
      if (keys.length === 0) work = preparation.prepareAll?.();
      else work = preparation.prepare(session.databaseIndex, keys, plan.isWrite);
    }
    if (work === undefined) return true;
    plan.calls--;
    session.deferUntil(work);
    return false;
  }

  /** After a reload requests may take other connections: they wait for those before. */
  private isOfNow(session: Session): boolean {
    if (!session.isDrained()) return false;
    session.generation = session.pool.generation;
    return true;
  }

  /** In MULTI, or subscribed. */
  private executeInState(session: Session, plan: Plan): void {
    const { name } = plan.command;
    if (session.subscriptionCount > 0 && session.protocol === 2) {
      if (plan.kind !== 'pubsub' && !['ping', 'quit', 'reset'].includes(name)) {
        session.answerError(
          `ERR Can't execute '${plan.command.fullName.replace('|', ' ')}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
        );
        return;
      }
    }
    if (session.transaction !== undefined && plan.kind !== 'transaction') {
      if (runInTransaction(this, session, plan)) return;
    }
    this.run(session, plan);
  }

  private sendToAny(session: Session, plan: Plan): void {
    const backend = session.pool.router.any();
    if (backend === undefined) this.refuse(session, plan, session.pool.router.error);
    else this.sendTo(session, backend);
  }

  /** A part for each server that has some of the keys; with one key, or all on one server, the request goes as it is. */
  private split(session: Session, plan: Plan): void {
    const { call, frame, frames } = this;
    const step = plan.keyStep;
    const keyCount = Math.floor((call.count - 1) / step);
    if ((call.count - 1) % step !== 0) {
      this.refuse(session, plan, wrongArity(plan.command.fullName));
      return;
    }
    const { partOfKey, nextOfKey, firsts, counts } = this.partsOf(session, keyCount, step);
    if (firsts.length === 1) {
      this.sendWhole(session, plan);
      return;
    }
    session.pool.counters.fragments += firsts.length;
    const sequence = session.order.take();
    const { isLikeTwemproxy } = session.pool;
    const merge = new Merge(session, sequence, plan.merge, firsts.length, isLikeTwemproxy && plan.merge !== 'values');
    if (plan.merge === 'values') merge.partOfKey = partOfKey;
    for (let part = 0; part < firsts.length; part++) {
      const first = firsts[part]!;
      frames.begin(1 + counts[part]! * step);
      frames.argument(call.bytes, call.starts[0]!, call.lengths[0]!);
      for (let key = first; key >= 0; key = nextOfKey[key]!) {
        for (let index = 1 + key * step; index < 1 + (key + 1) * step; index++)
          frames.argument(call.bytes, call.starts[index]!, call.lengths[index]!);
      }
      const at = 1 + first * step;
      frames.finish(frame);
      this.sendPart(session, merge, part, plan, at);
    }
  }

  /**
   * Which keys go together: the part of each key, the next key of the same part (-1 at its end), and each part's first key and count of
   * keys. A million keys in the 16,384 slots of a cluster are looked at once each.
   */
  private partsOf(
    session: Session,
    keyCount: number,
    step: number,
  ): { partOfKey: Int32Array; nextOfKey: Int32Array; firsts: number[]; counts: number[] } {
    const { call, partOfPlace } = this;
    const { router } = session.pool;
    const partOfKey = new Int32Array(keyCount);
    const nextOfKey = new Int32Array(keyCount).fill(-1);
    const firsts: number[] = [];
    const lasts: number[] = [];
    const counts: number[] = [];
    partOfPlace.clear();
    for (let key = 0; key < keyCount; key++) {
      const at = 1 + key * step;
      const place = router.placeOf(call.bytes, call.starts[at]!, call.lengths[at]!);
      let part = partOfPlace.get(place);
      if (part === undefined) {
        part = firsts.push(key) - 1;
        counts.push(0);
        partOfPlace.set(place, part);
      } else {
        nextOfKey[lasts[part]!] = key;
      }
      lasts[part] = key;
      counts[part]!++;
      partOfKey[key] = part;
    }
    return { partOfKey, nextOfKey, firsts, counts };
  }

  private readonly partOfPlace = new Map<number, number>();

  private sendPart(session: Session, merge: Merge, part: number, plan: Plan, keyIndex: number): void {
    const { call, frame } = this;
    const { router } = session.pool;
    if (router.forward !== undefined) {
      // The key as it stands in the frame: after the header and the name.
      frame.keyStart = this.frames.keyStart;
      frame.keyLength = call.lengths[keyIndex]!;
      router.forward(merge, part, session, plan, frame);
      return;
    }
    const backend = router.pick(call.bytes, call.starts[keyIndex]!, call.lengths[keyIndex]!, plan.isWrite);
    if (backend === undefined) {
      merge.takeFailure(part, router.error);
      return;
    }
    const connection = backend.connection(session.lane, session.databaseIndex, session.protocol);
    connection.send(merge, part, frame.bytes, frame.from, frame.count);
    if (connection.isCongested) backend.whenDrained(session.waitForServer());
  }

  private sendWhole(session: Session, plan: Plan): void {
    const { call, frame } = this;
    const { router } = session.pool;
    frame.keyStart = call.starts[1]!;
    frame.keyLength = call.lengths[1]!;
    if (router.forward !== undefined) {
      router.forward(session, session.order.take(), session, plan, frame);
      return;
    }
    const backend = router.pick(call.bytes, frame.keyStart, frame.keyLength, plan.isWrite);
    if (backend === undefined) this.refuse(session, plan, router.error);
    else this.sendTo(session, backend);
  }

  private askAll(session: Session, plan: Plan): void {
    const { frame } = this;
    const { backends } = session.pool.router;
    if (backends.length === 0) {
      this.refuse(session, plan, session.pool.router.error);
      return;
    }
    if (backends.length === 1) {
      session.pool.router.forwardToAll?.(session, plan, frame);
      this.sendTo(session, backends[0]!);
      return;
    }
    session.pool.router.forwardToAll?.(session, plan, frame);
    const merge = new Merge(session, session.order.take(), plan.merge, backends.length, false);
    for (let index = 0; index < backends.length; index++)
      sendFor(session, backends[index]!, merge, index, frame.bytes, frame.from, frame.count);
  }

  private mayRunUnauthenticated(session: Session, plan: Plan): boolean {
    if (plan.command.declaration.flags.includes('no_auth')) return true;
    // twemproxy's words have no full stop.
    session.answerError(session.pool.isLikeTwemproxy ? 'NOAUTH Authentication required' : errors.noAuth);
    return false;
  }

  private isAllowed(session: Session, plan: Plan): boolean {
    const refusal = session.home.users?.refusal(session.user!, plan.command, this.call);
    if (refusal === undefined) return true;
    this.refuse(session, plan, refusal);
    return false;
  }

  /** Answers with an error; inside MULTI the transaction fails with it. */
  refuse(session: Session, plan: Plan, text: string): void {
    plan.failures++;
    session.transaction?.fail();
    session.answerError(text);
  }

  private refuseUnknown(session: Session): void {
    const { call } = this;
    if (!session.isAuthenticated) {
      session.answerError(errors.noAuth);
      return;
    }
    session.transaction?.fail();
    let shown = '';
    for (let index = 1; index < call.count && shown.length < 128; index++)
      shown += `'${call.shown(index).slice(0, 128 - shown.length)}' `;
    session.answerError(
      `ERR unknown command '${call.shown(0).slice(0, 128)}', with args beginning with: ${shown}`.replace(
        /[\r\n]/g,
        ' ',
      ),
    );
  }

  /** The server of a call's keys; undefined where it has none, or where the call is answered. */
  backendOfCall(session: Session, plan: Plan): ServerOfCall {
    const { call, found } = this;
    const { router } = session.pool;
    if (!findKeys(plan.command as Command<Call>, call, false, found)) {
      this.refuse(session, plan, errors.syntax);
      return refusedCall;
    }
    if (found.count === 0) return { backend: undefined, isRefused: false, changed: undefined };
    if (!this.areTogether(session)) {
      this.refuse(session, plan, crossServer);
      return refusedCall;
    }
    const at = found.indexes[0]!;
    const backend = router.pick(call.bytes, call.starts[at]!, call.lengths[at]!, true);
    if (backend !== undefined) return { backend, isRefused: false, changed: this.changeOf(session, plan) };
    this.refuse(session, plan, router.error);
    return refusedCall;
  }

  /** Tells the router of the keys in `found` that are about to change, where it wants to know. */
  private changeOf(session: Session, plan: Plan): (() => void) | undefined {
    const { call, found } = this;
    const { router } = session.pool;
    const { databaseIndex } = session;
    if (router.touch === undefined || !plan.isWrite) return undefined;
    const keys = Array.from({ length: found.count }, (_, index) => call.copy(found.indexes[index]!));
    return () => {
      for (const key of keys) router.touch!(databaseIndex, key);
    };
  }
}
