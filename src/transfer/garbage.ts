// garbage: frees buffers that nobody holds any more, before they are many.
//
// Everything that flows through a tool is in buffers outside V8's heap, which are freed when V8 collects. It lets 64 MB of them
// wait, and more on a busy machine, since it marks in the background while the tool goes on. So whoever makes buffers says so here,
// and after every CHECK_BYTES of them the growth since the last collection is looked at. Most buffers are given up while they are
// young, so a collection of young objects comes first, which takes half a millisecond; a whole one takes 5 to 20, and follows
// only when that has left too many.

import { setFlagsFromString } from 'node:v8';
import { collectGarbage, collectYoungGarbage } from '../io/collect-garbage.js';

const CHECK_BYTES = 8 << 20;
const GROWTH_BYTES = 16 << 20;

let isOn = false;
let unchecked = 0;
let least = 0;

/** For programs of their own: a server that uses parts of the tools leaves its heap to V8. */
export function boundGarbage(): void {
  isOn = true;
  // Otherwise a thread frees them some time after the collection.
  setFlagsFromString('--no-concurrent-array-buffer-sweeping');
  least = process.memoryUsage().arrayBuffers;
}

/** Counts bytes in new buffers. */
export function noteBytes(bytes: number): void {
  unchecked += bytes;
  if (unchecked >= CHECK_BYTES && isOn) check();
}

function check(): void {
  unchecked = 0;
  if (!hasGrown()) return;
  collectYoungGarbage();
  if (!hasGrown()) return;
  collectGarbage();
  least = process.memoryUsage().arrayBuffers;
}

function hasGrown(): boolean {
  const { arrayBuffers } = process.memoryUsage();
  if (arrayBuffers < least) least = arrayBuffers;
  return arrayBuffers - least >= GROWTH_BYTES;
}
