// tests: the default tests of redis-benchmark 7.0, in its order, with its names and commands.
//
// `selectors` are the words of -t that pick a test. XADD came with redis-benchmark 7.4: it runs only when asked for by
// name, so that a plain run stays comparable with 7.0.
import type { Options } from './options.js';
import { encodeCommand } from './request.js';

export interface BenchmarkTest {
  title: string;
  command: Uint8Array;
}

interface DefaultTest {
  title: string;
  selectors: string[];
  onlyByName?: boolean;
  command: (tag: string, data: string, options: Options) => string[] | string;
}

const lrangeSelectors = ['lrange_100', 'lrange_300', 'lrange_500', 'lrange_600'];

function lrange(count: number): DefaultTest {
  return {
    title: `LRANGE_${count} (first ${count} elements)`,
    selectors: ['lrange', `lrange_${count}`],
    command: (tag) => ['LRANGE', `mylist${tag}`, '0', String(count - 1)],
  };
}

const defaultTests: DefaultTest[] = [
  { title: 'PING_INLINE', selectors: ['ping_inline', 'ping'], command: () => 'PING\r\n' },
  { title: 'PING_MBULK', selectors: ['ping_mbulk', 'ping'], command: () => ['PING'] },
  { title: 'SET', selectors: ['set'], command: (tag, data) => ['SET', `key${tag}:__rand_int__`, data] },
  { title: 'GET', selectors: ['get'], command: (tag) => ['GET', `key${tag}:__rand_int__`] },
  { title: 'INCR', selectors: ['incr'], command: (tag) => ['INCR', `counter${tag}:__rand_int__`] },
  { title: 'LPUSH', selectors: ['lpush'], command: (tag, data) => ['LPUSH', `mylist${tag}`, data] },
  { title: 'RPUSH', selectors: ['rpush'], command: (tag, data) => ['RPUSH', `mylist${tag}`, data] },
  { title: 'LPOP', selectors: ['lpop'], command: (tag) => ['LPOP', `mylist${tag}`] },
  { title: 'RPOP', selectors: ['rpop'], command: (tag) => ['RPOP', `mylist${tag}`] },
  { title: 'SADD', selectors: ['sadd'], command: (tag) => ['SADD', `myset${tag}`, 'element:__rand_int__'] },
  {
    title: 'HSET',
    selectors: ['hset'],
    command: (tag, data) => ['HSET', `myhash${tag}`, 'element:__rand_int__', data],
  },
  { title: 'SPOP', selectors: ['spop'], command: (tag) => ['SPOP', `myset${tag}`] },
  {
    title: 'ZADD',
    selectors: ['zadd'],
    command: (tag, _data, options) => {
      const score = options.keyspaceLength === undefined ? '0' : '__rand_int__';
      return ['ZADD', `myzset${tag}`, score, 'element:__rand_int__'];
    },
  },
  { title: 'ZPOPMIN', selectors: ['zpopmin'], command: (tag) => ['ZPOPMIN', `myzset${tag}`] },
  {
    title: 'LPUSH (needed to benchmark LRANGE)',
    selectors: ['lrange', ...lrangeSelectors],
    command: (tag, data) => ['LPUSH', `mylist${tag}`, data],
  },
  lrange(100),
  lrange(300),
  lrange(500),
  lrange(600),
  {
    title: 'MSET (10 keys)',
    selectors: ['mset'],
    command: (tag, data) => ['MSET', ...Array.from({ length: 10 }, () => [`key${tag}:__rand_int__`, data]).flat()],
  },
  {
    title: 'XADD',
    selectors: ['xadd'],
    onlyByName: true,
    command: (tag, data) => ['XADD', `mystream${tag}`, '*', 'myfield', data],
  },
];

/** The tests that the options select. */
export function selectTests(options: Options, data: string): BenchmarkTest[] {
  const tag = options.isCluster ? ':{tag}' : '';
  return defaultTests
    .filter(({ selectors, onlyByName }) => {
      if (options.tests === undefined) return onlyByName !== true;
      return selectors.some((selector) => options.tests!.includes(selector));
    })
    .map(({ title, command }) => {
      const words = command(tag, data, options);
      return { title, command: typeof words === 'string' ? new Uint8Array(Buffer.from(words)) : encodeCommand(words) };
    });
}

/** Payload text of a given size, the same in every run; printable, so that it can stand in an inline command. */
export function makeData(bytes: number): string {
  const text = Buffer.alloc(bytes);
  let state = 1234;
  for (let at = 0; at < bytes; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    text[at] = 48 + ((state >>> 20) & 63);
  }
  return text.toString('latin1');
}
