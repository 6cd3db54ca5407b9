// slot-stats: the cost of each slot's commands: processor time and bytes in and out (CLUSTER SLOT-STATS).
//
// Counted only while cluster-slot-stats-enabled says so; every command then goes the careful way through the gates. The tables
// (384 KB) are made when counting begins.

import { SLOT_COUNT } from '../base/key-slot.js';

export class SlotStats {
  private cpuMicros: Float64Array | undefined;
  private bytesIn: Float64Array | undefined;
  private bytesOut: Float64Array | undefined;

  /** Whether commands are counted. */
  get isOn(): boolean {
    return this.cpuMicros !== undefined;
  }

  set isOn(on: boolean) {
    if (on === this.isOn) return;
    const make = (): Float64Array | undefined => (on ? new Float64Array(SLOT_COUNT) : undefined);
    this.cpuMicros = make();
    this.bytesIn = make();
    this.bytesOut = make();
  }

  count(slot: number, micros: number, bytesIn: number, bytesOut: number): void {
    if (this.cpuMicros === undefined) return;
    this.cpuMicros[slot]! += micros;
    this.bytesIn![slot]! += bytesIn;
    this.bytesOut![slot]! += bytesOut;
  }

  /** CONFIG RESETSTAT, and slots that have gone. */
  reset(slot?: number): void {
    for (const table of [this.cpuMicros, this.bytesIn, this.bytesOut])
      if (slot === undefined) table?.fill(0);
      else if (table !== undefined) table[slot] = 0;
  }

  cpuOf(slot: number): number {
    return Math.round(this.cpuMicros?.[slot] ?? 0);
  }

  bytesInOf(slot: number): number {
    return this.bytesIn?.[slot] ?? 0;
  }

  bytesOutOf(slot: number): number {
    return this.bytesOut?.[slot] ?? 0;
  }
}
