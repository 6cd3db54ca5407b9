// keyspace-events: the letters of notify-keyspace-events as bits, and back; the bits are those of keyspace/events.
//
// S, T, I and V name the fields of a hash that an event is about, on channels of their own; like K and E they need a
// class of events, h or A. One difference from Redis 7: an `n` beside an `A` is shown, because a rewritten config file
// would lose it otherwise.

export const keyspaceEventFlags = {
  generic: 1 << 2, // g
  string: 1 << 3, // $
  list: 1 << 4, // l
  set: 1 << 5, // s
  hash: 1 << 6, // h
  zset: 1 << 7, // z
  expired: 1 << 8, // x
  evicted: 1 << 9, // e
  stream: 1 << 10, // t
  module: 1 << 13, // d
  newKey: 1 << 14, // n
  keyspace: 1 << 0, // K
  keyevent: 1 << 1, // E
  keyMiss: 1 << 11, // m
  subkeyspace: 1 << 15, // S
  subkeyevent: 1 << 16, // T
  subkeyspaceItem: 1 << 17, // I
  subkeyspaceEvent: 1 << 18, // V
} as const;

const letters: Readonly<Record<string, number>> = {
  g: keyspaceEventFlags.generic,
  $: keyspaceEventFlags.string,
  l: keyspaceEventFlags.list,
  s: keyspaceEventFlags.set,
  h: keyspaceEventFlags.hash,
  z: keyspaceEventFlags.zset,
  x: keyspaceEventFlags.expired,
  e: keyspaceEventFlags.evicted,
  t: keyspaceEventFlags.stream,
  d: keyspaceEventFlags.module,
};

/** The meaning of A: all letters but n and m, which report events that change no value. */
const allClasses = Object.values(letters).reduce((all, bit) => all | bit, 0);

const otherLetters: Readonly<Record<string, number>> = {
  n: keyspaceEventFlags.newKey,
  K: keyspaceEventFlags.keyspace,
  E: keyspaceEventFlags.keyevent,
  m: keyspaceEventFlags.keyMiss,
  S: keyspaceEventFlags.subkeyspace,
  T: keyspaceEventFlags.subkeyevent,
  I: keyspaceEventFlags.subkeyspaceItem,
  V: keyspaceEventFlags.subkeyspaceEvent,
};

/** The bits of a string of letters, or undefined when one is unknown. */
export function parseKeyspaceEvents(text: string): number | undefined {
  let flags = 0;
  for (const letter of text) {
    const bits = letter === 'A' ? allClasses : (letters[letter] ?? otherLetters[letter]);
    if (bits === undefined) return undefined;
    flags |= bits;
  }
  return flags;
}

export function printKeyspaceEvents(flags: number): string {
  let text = '';
  if ((flags & allClasses) === allClasses) text = 'A';
  else for (const [letter, bit] of Object.entries(letters)) if ((flags & bit) !== 0) text += letter;
  for (const [letter, bit] of Object.entries(otherLetters)) if ((flags & bit) !== 0) text += letter;
  return text;
}
