// slot-mover: carries out the moves of slots that were asked for, step by step, so that a crash at any point loses nothing.
//
//   pending → preparing   stored, no proxy knows it yet
//   preparing → prepared  every proxy has locked the slot; when one does not answer, all go back
//   prepared → migrating  every proxy sends requests to the target, and fetches keys from the source
//   migrating             keys go, database by database, until the source has none of the slot
//   finished              every proxy forgets the source; then the slot belongs to the target
//
// A step is stored after the proxies got it, except the first and the last: sent twice, it does no harm. Several slots
// move at once, but a group takes part in one move at a time. A move that fails, because a server is dead, waits for a while, and
// does not hold up others of the same groups meanwhile.

import { isAggregate, replyText } from '../../../client/reply.js';
import { delay } from '../../../io/clock.js';
import { CODIS_SLOT_COUNT } from '../../../base/codis-slot.js';
import { type DashboardCore, pushSlots, slotOf, textOf } from './core.js';
import { emptySlot, type SlotMapping, stateOf } from './models.js';
import { addressOf, infoFields } from './server-link.js';
import { isGroupPromoting } from './slot-view.js';

const ASYNC_TIMEOUT_MS_MAX = 5000;
const BETWEEN_ROUNDS_MS = 10;
const HELD_UP_MS = 200;
const WHILE_RUNNING_MS = 1000;
/** codis's default of `timeout` for the synchronous method. */
const SYNC_TIMEOUT_MS = 30_000;
/** After so long a move that failed is tried again. */
const AFTER_FAILURE_MS = 5000;

export class SlotMover {
  /** The latest event, for the dashboard's page. */
  status = '';

  constructor(
    private readonly core: DashboardCore,
    private readonly isOver: () => boolean,
  ) {}

  /** Moves that are under way. */
  private readonly running = new Map<number, Promise<void>>();
  /** Slots whose move failed, and the steady ms from which on it is tried again. */
  private readonly retryMs = new Map<number, number>();

  /** Carries out moves until none is left that can go on; rejects when the proxies cannot be told of one. */
  async run(): Promise<void> {
    const { running } = this;
    try {
      while (!this.isOver()) {
        await this.begin();
        if (running.size === 0) return;
        // What is asked for meanwhile begins soon.
        await Promise.race([...running.values(), delay(this.core.clock, WHILE_RUNNING_MS)]);
        await delay(this.core.clock, BETWEEN_ROUNDS_MS);
      }
    } finally {
      await Promise.all(running.values());
    }
  }

  /** Brings as many slots as may move at once to where keys can go, and lets these go. */
  private async begin(): Promise<void> {
    const { core, running } = this;
    const accepts = (slot: SlotMapping): boolean => {
      if (running.has(slot.id) || (this.retryMs.get(slot.id) ?? 0) > core.clock.steadyMs()) return false;
      const groups = new Set([...running.keys()].flatMap((id) => groupsOf(core.store.slots[id]!)));
      return !groupsOf(slot).some((group) => groups.has(group));
    };
    while (running.size < Math.max(1, core.settings.parallelSlots) && !this.isOver()) {
      const id = await core.alone(async () => {
        const slot = this.nextSlot(accepts);
        if (slot !== undefined) await this.prepare(slot);
        return slot?.id;
      });
      if (id === undefined) break;
      running.set(
        id,
        this.attempt(id).finally(() => running.delete(id)),
      );
    }
  }

  private async attempt(id: number): Promise<void> {
    try {
      await this.move(id);
      this.status = '';
      this.retryMs.delete(id);
    } catch (error) {
      this.status = `[ERROR] Slot[${String(id).padStart(4, '0')}]: ${textOf(error)}`;
      this.retryMs.set(id, this.core.clock.steadyMs() + AFTER_FAILURE_MS);
      if (!this.isOver()) this.core.log('warning', `process slot action failed: slot-[${id}]: ${textOf(error)}`);
    }
  }

  /** A slot whose move has begun goes first, then the one that was asked for first. */
  private nextSlot(accepts: (slot: SlotMapping) => boolean): SlotMapping | undefined {
    const first = (isPending: boolean): SlotMapping | undefined =>
      this.core.store.slots
        .filter((slot) => stateOf(slot) !== '' && (stateOf(slot) === 'pending') === isPending && accepts(slot))
        .sort((a, b) => (a.action.index ?? 0) - (b.action.index ?? 0))[0];
    return first(false) ?? (this.core.isDisabled ? undefined : first(true));
  }

  private with(slot: SlotMapping, state: NonNullable<SlotMapping['action']['state']>): SlotMapping {
    return { ...slot, action: { ...slot.action, state } };
  }

  /** Tells the proxies about a state that is stored afterwards. */
  private async tellThenStore(next: SlotMapping): Promise<void> {
    const { store } = this.core;
    const before = store.slots[next.id]!;
    store.slots[next.id] = next;
    try {
      await pushSlots(this.core, [next]);
    } catch (error) {
      store.slots[next.id] = before;
      throw error;
    }
    await store.putSlot(next);
  }

  private async prepare(from: SlotMapping): Promise<void> {
    const { core } = this;
    let slot = from;
    core.log('notice', `slot-[${slot.id}] goes from group-[${slot.group_id}] to group-[${slot.action.target_id ?? 0}]`);
    if (stateOf(slot) === 'pending') {
      slot = this.with(slot, 'preparing');
      await core.store.putSlot(slot);
    }
    if (stateOf(slot) === 'preparing') {
      const prepared = this.with(slot, 'prepared');
      try {
        await this.tellThenStore(prepared);
      } catch (error) {
        core.log('warning', `slot-[${slot.id}] resync-rollback to preparing`);
        await pushSlots(core, [slot]).catch(() => undefined);
        throw error;
      }
      slot = prepared;
    }
    if (stateOf(slot) === 'prepared') await this.tellThenStore(this.with(slot, 'migrating'));
  }

  private async move(id: number): Promise<void> {
    let database = 0;
    while (!this.isOver()) {
      const step = await this.core.alone(() => Promise.resolve(this.nextStep(id)));
      if (step === 'held up') {
        await delay(this.core.clock, HELD_UP_MS);
        continue;
      }
      if (step === 'finished') {
        await this.core.alone(() => this.complete(id));
        return;
      }
      const { left, next } = await this.moveSome(step, id, database);
      if (left === 0 && next < 0) {
        await this.core.alone(() => this.complete(id));
        return;
      }
      this.status = `[OK] Slot[${String(id).padStart(4, '0')}]@DB[${database}]=${left}`;
      if (this.core.intervalMicros > 0) await delay(this.core.clock, Math.ceil(this.core.intervalMicros / 1000));
      database = next;
    }
  }

  private nextStep(id: number): 'held up' | 'finished' | { from: string; to: string } {
    const { core } = this;
    const slot = slotOf(core, id);
    if (stateOf(slot) === 'finished') return 'finished';
    if (stateOf(slot) !== 'migrating') throw new Error(`slot-[${id}] action state is invalid`);
    const target = slot.action.target_id ?? 0;
    if (core.isDisabled || isGroupPromoting(core.store, slot.group_id) || isGroupPromoting(core.store, target))
      return 'held up';
    const from = core.store.masterOf(slot.group_id);
    core.movingCount++;
    return { from, to: core.store.masterOf(target) };
  }

  /** Moves some keys of a database; how many are left there, and the next database with keys (-1: none). */
  private async moveSome(
    step: { from: string; to: string },
    id: number,
    database: number,
  ): Promise<{ left: number; next: number }> {
    const { core } = this;
    try {
      if (step.from === '') return { left: 0, next: -1 };
      const { host, port } = addressOf(step.to);
      const { settings } = core;
      const isAsync = settings.migrationMethod === 1;
      const timeoutMs = isAsync ? Math.min(ASYNC_TIMEOUT_MS_MAX, settings.migrationTimeoutMs) : SYNC_TIMEOUT_MS;
      const words = isAsync
        ? [
            'SLOTSMGRTTAGSLOT-ASYNC',
            host,
            port,
            timeoutMs,
            settings.asyncBulksMax,
            settings.asyncBytesMax,
            id,
            settings.asyncKeys,
          ]
        : ['SLOTSMGRTTAGSLOT', host, port, timeoutMs, id];
      return await core.links.ask(
        step.from,
        async (call) => {
          await call('SELECT', String(database));
          const reply = await call(...words.map(String));
          if (!isAggregate(reply) || reply.elements.length !== 2)
            throw new Error(`${step.from}: bad reply of ${words[0]}`);
          const left = Number(replyText(reply.elements[1]));
          if (left > 0) return { left, next: database };
          const databases = databasesOf(infoFields(replyText(await call('INFO', 'keyspace'))));
          return { left: 0, next: databases.find((each) => each > database) ?? -1 };
        },
        // A batch of big keys may be silent for its own limit.
        settings.migrationTimeoutMs + timeoutMs,
      );
    } finally {
      core.movingCount--;
    }
  }

  private async complete(id: number): Promise<void> {
    const { core } = this;
    let slot = slotOf(core, id);
    if (stateOf(slot) === 'migrating') {
      slot = this.with(slot, 'finished');
      await core.store.putSlot(slot);
    }
    if (stateOf(slot) !== 'finished') throw new Error(`slot-[${id}] action state is invalid`);
    await pushSlots(core, [slot]);
    await core.store.putSlot({ ...emptySlot(id), group_id: slot.action.target_id ?? 0 });
    core.log('notice', `slot-[${id}] is at group-[${slot.action.target_id ?? 0}]`);
  }

  /** How many moves are asked for or under way. */
  get openCount(): number {
    let count = 0;
    for (let id = 0; id < CODIS_SLOT_COUNT; id++) if (stateOf(this.core.store.slots[id]!) !== '') count++;
    return count;
  }
}

/** The groups that take part in a slot's move; a slot may have been nobody's. */
function groupsOf({ group_id: group, action }: SlotMapping): number[] {
  const target = action.target_id ?? 0;
  return group === 0 ? [target] : [group, target];
}

function databasesOf(fields: Readonly<Record<string, string>>): number[] {
  return Object.keys(fields)
    .map((name) => Number(/^db(\d+)$/.exec(name)?.[1] ?? NaN))
    .filter((index) => !Number.isNaN(index))
    .sort((a, b) => a - b);
}
