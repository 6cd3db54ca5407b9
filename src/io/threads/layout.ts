// layout: the memory that the engine and an I/O thread share: the places of the words and the records of the rings.
//
// Each thread shares three areas with the engine:
//
//   words     Int32, a line of 128 bytes for each, so that no two sides write into one line of a processor's cache
//   counters  Int32, two for each slot: bytes that left for the system (modulo 2^32), bytes that it has not taken
//   rings     requests (thread to engine) and replies (engine to thread), RING_BYTES each
//
// Two words more are shared by all threads: how the engine sleeps, so that it is woken once, and how many connections have ended.
//
// A record of a ring is
//
//   int32  bytes of the payload, or -1: the rest of the ring is empty, go on at its start
//   int32  slot << 4 | kind
//   payload, padded to a multiple of 8 bytes
//
// and never wraps. Heads and tails count bytes since the start, modulo 2^32.

/** Int32 elements of a line. */
const LINE = 32;

/** Elements of the words that the engine shares with one thread. */
export const Word = {
  /** Written by the thread: the end of the requests. */
  requestHead: 0,
  /** Written by the engine: how far it has served them. */
  requestTail: LINE,
  /** Written by the engine: the end of the replies. */
  replyHead: 2 * LINE,
  /** Written by the thread: how far it has taken them. */
  replyTail: 3 * LINE,
  /** How the thread sleeps. */
  state: 4 * LINE,
  /** Written by the thread: reads from and writes to sockets, modulo 2^32. */
  reads: 5 * LINE,
  writes: 5 * LINE + 1,
} as const;
export const WORD_COUNT = 6 * LINE;

/** Elements of the words that the engine shares with all threads. */
export const EngineWord = {
  /** How the engine sleeps. */
  state: 0,
  /** Written by the threads: published records that tell of the end of a connection, modulo 2^32. */
  ends: LINE,
} as const;
export const ENGINE_WORD_COUNT = 2 * LINE;

export const RING_BYTES = 1024 * 1024;
export const HEADER_BYTES = 8;
/** Longer payloads are cut. Far below half a ring, so that a record fits whatever has to be left empty before it. */
export const PAYLOAD_BYTES_MAX = 64 * 1024;
export const SKIP = -1;

/** Payload of `open`. */
export const OPEN_BYTES_MAX = 5;

/** Connections that a thread can have. */
export const SLOT_COUNT = 16384;

/** Records of either ring. */
export const Kind = {
  /** Bytes of the connection. */
  data: 1,
  /**
   * To the thread: the slot is a connection's from here on, whose socket comes through the pipe; the payload is 1 byte: it reads, and with
   * TLS 4 bytes: the number of the settings. From the thread: the handshake of TLS is done.
   */
  open: 2,
  /** To the thread: close when everything is sent. From the thread: the peer has ended. */
  end: 3,
  /** To the thread: close at once. */
  destroy: 4,
  /** To the thread: stop and go on reading. */
  pause: 5,
  resume: 6,
  /** To the thread: tell when everything before this is sent. From the thread: it is. */
  drain: 7,
  /** From the thread: the connection failed; the payload is the reason. */
  failed: 8,
  /** From the thread: the slot is free, nothing more comes of it. */
  gone: 9,
  /** To the thread: give the socket back. From the thread: it comes through the pipe. */
  giveBack: 10,
  /** From the thread: the socket cannot be given back, it is closing. */
  stays: 11,
  /** To the thread: close everything and end. */
  stop: 12,
} as const;

/** Elements of the counters of a slot. */
export const COUNTERS_PER_SLOT = 2;

/** The shared memory of a thread, given to it at its start. */
export interface SharedAreas {
  /** See EngineWord. */
  readonly engine: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly requests: SharedArrayBuffer;
  readonly replies: SharedArrayBuffer;
}

export function makeAreas(engine: SharedArrayBuffer): SharedAreas {
  return {
    engine,
    words: new SharedArrayBuffer(WORD_COUNT * 4),
    counters: new SharedArrayBuffer(SLOT_COUNT * COUNTERS_PER_SLOT * 4),
    requests: new SharedArrayBuffer(RING_BYTES),
    replies: new SharedArrayBuffer(RING_BYTES),
  };
}

/** Start data for the thread's file. */
export interface ThreadStart {
  readonly areas: SharedAreas;
  /** Of the unix socket that it connects to. */
  readonly path: string;
  /** Chance of a pause at each step of the handshake, for a test; 0 for none. */
  readonly delays: number;
}
