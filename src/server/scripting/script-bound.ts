// script-bound: how long a script may take that nobody can kill: one of an append-only file that a tool runs.
//
// It is counted in steps, so that a file is taken or refused alike on every machine. A turn of a loop and a call of a function are a
// step; a call of a command counts as STEPS_OF_CALL, about the time that it takes. The time is the second bound, for scripts whose
// every command takes long.
//
// Not here: scripts of clients, which are parked (parked-script), and those that a server loads: it waits, as redis-server does.

import { stepsPerSlice } from '../../scripting/lua/machine.js';

export const STEPS_OF_CALL = 100;

export class ScriptBound {
  /** A script did not end within the bound; the data is not what it would be. */
  isPassed = false;
  /** Looks of all scripts so far: while it stays as it is the time went to commands. */
  looks = 0;
  private looksEnd = 0;
  private endMs = 0;

  constructor(
    private readonly stepsMax: number,
    private readonly msMax: number,
    private readonly steadyMs: () => number,
  ) {}

  /** A script begins. */
  begin(): void {
    this.looksEnd = this.looks + this.stepsMax / stepsPerSlice;
    this.endMs = this.steadyMs() + this.msMax;
  }

  /** Asked about every `stepsPerSlice` steps. After one script all others of a transaction end at once. */
  readonly mayContinue = (): boolean => {
    if (++this.looks >= this.looksEnd || this.steadyMs() >= this.endMs) this.isPassed = true;
    return !this.isPassed;
  };
}
