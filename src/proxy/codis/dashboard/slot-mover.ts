// slot-mover: carries out the moves of slots that were asked for, step by step, so that a crash at any point loses nothing.
//
//   pending → preparing   stored, nobody is told yet
//   preparing → prepared  every proxy has locked the slot; when one does not answer, all go back
//   prepared → migrating  every proxy sends requests to the target, and fetches keys from the source
//   migrating             keys go, database by database, until the source has none of the slot
//   finished              every proxy forgets the source; then the slot belongs to the target
//
// A step is stored after it was told, except the first and the last: told twice, it does no harm. Several slots move at once, but a
// group takes part in one move at a time.

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
/** codis's default of `timeout` for the synchronous method. */
const SYNC_TIMEOUT_MS = 30_000;

export class SlotMover {
  /** What happened last, for the dashboard's page. */
  status = '';

  constructor(
    private readonly core: DashboardCore,
    private readonly isOver: () => boolean,
  ) {}

  /** Carries out moves until none is left; rejects with the first that fails. */
  async run(): Promise<void> {
    while (!this.isOver()) {
      const chosen = await this.choose();
      if (chosen.length === 0) return;
      const failures: string[] = [];
      await Promise.all(
        chosen.map(async (id) => {
          try {
            await this.move(id);
            this.status = '';
          } catch (error) {
            this.status = `[ERROR] Slot[${String(id).padStart(4, '0')}]: ${textOf(error)}`;
            failures.push(`slot-[${id}]: ${textOf(error)}`);
          }
        }),
      );
      if (failures.length > 0) throw new Error(failures[0]);
      await delay(this.core.clock, BETWEEN_ROUNDS_MS);
    }
  }

  /** Brings as many slots as may move at once to where keys can go. */
  private async choose(): Promise<number[]> {
    const busy = new Set<number>();
    const chosen: number[] = [];
    const accepts = (slot: SlotMapping): boolean =>
      !chosen.includes(slot.id) && !busy.has(slot.group_id) && !busy.has(slot.action.target_id ?? 0);
    while (chosen.length < Math.max(1, this.core.settings.parallelSlots) && !this.isOver()) {
      const id = await this.core.alone(async () => {
        const slot = this.nextSlot(accepts);
        if (slot === undefined) return undefined;
        if (slot.group_id !== 0) busy.add(slot.group_id);
        busy.add(slot.action.target_id ?? 0);
        chosen.push(slot.id);
        await this.prepare(slot);
        return slot.id;
      });
      if (id === undefined) break;
    }
    return chosen;
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

function databasesOf(fields: Readonly<Record<string, string>>): number[] {
  return Object.keys(fields)
    .map((name) => Number(/^db(\d+)$/.exec(name)?.[1] ?? NaN))
    .filter((index) => !Number.isNaN(index))
    .sort((a, b) => a - b);
}
