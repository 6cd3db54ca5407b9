// soak: mixed clients that connect, die, subscribe, queue, block, run scripts and let keys expire, round after round.
//
// A round has a fixed number of clients with random work, all of it from one seed. After the first rounds, which warm
// everything up, memory must stay flat; at the end nothing of any client may be left, and all structures must agree with
// themselves (DEBUG VERIFY).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Prng } from '../../src/base/prng.js';
import { startKvasir } from '../kvasir.js';

const MB = 1024 * 1024;
const CLIENTS_PER_ROUND = 40;
const STEPS_PER_CLIENT = 60;
const WARM_UP_ROUNDS = 3;
/** Limit on the growth of resident memory after the warm-up, however long the run. */
const GROWTH_BYTES_MAX = 96 * MB;

function step(prng: Prng): string {
  const key = `k${prng.below(300)}`;
  const other = `k${prng.below(300)}`;
  const value = 'v'.repeat(prng.below(20) === 0 ? prng.below(50_000) : prng.below(60));
  const works: readonly string[] = [
    `SET s${key} "${value}" PX ${1 + prng.below(2000)}`,
    `APPEND s${key} "${value}"`,
    `SETRANGE s${key} ${prng.below(200_000)} "${value}"`,
    `GET s${key}`,
    `DEL s${key} l${key} z${key} h${key} x${key}`,
    `LPUSH l${key} "${value}" b c`,
    `LTRIM l${key} 0 50`,
    `ZADD z${key} ${prng.below(1000)} m${prng.below(500)}`,
    `HSET h${key} f${prng.below(300)} "${value}"`,
    `HPEXPIRE h${key} ${1 + prng.below(1000)} FIELDS 1 f${prng.below(300)}`,
    `SADD e${key} ${prng.below(2000)}`,
    `PEXPIRE e${key} ${1 + prng.below(1000)}`,
    `XADD x${key} MAXLEN 100 * f "${value}"`,
    `SUBSCRIBE c${key} c${other}`,
    `PSUBSCRIBE p${key}*`,
    `PUBLISH c${key} "${value}"`,
    `UNSUBSCRIBE`,
    `PUNSUBSCRIBE`,
    `WATCH s${key} l${other}`,
    `MULTI`,
    `EXEC`,
    `DISCARD`,
    `BLPOP l${key} l${other} 0.0${1 + prng.below(9)}`,
    `BLPOP nothing${key} 0`,
    `CLIENT TRACKING ON`,
    `CLIENT TRACKING OFF`,
    `CLIENT SETNAME n${key}`,
    `EVAL "local t = {} for i = 1, ${prng.below(500)} do t[i] = redis.call('incr', KEYS[1]) .. i end return #t" 1 n${key}`,
    `EVAL "return ${prng.below(100_000)}" 0`,
    `EVAL "while ${prng.below(2)} do error('x') end" 0`,
    `HELLO ${2 + prng.below(2)}`,
    `RESET`,
  ];
  return `${works[prng.below(works.length)]!}\r\n`;
}

/** One client's life; it ends in one of several ways, often in the middle of something. */
async function live(port: number, prng: Prng): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await Promise.race([once(socket, 'connect'), closed]);
  if (prng.below(4) > 0) socket.resume();
  let text = '';
  for (let index = 0; index < STEPS_PER_CLIENT; index++) {
    text += step(prng);
    if (prng.below(5) > 0) continue;
    socket.write(text, 'latin1');
    text = '';
    await sleep(prng.below(3));
  }
  if (prng.below(2) === 0) text += `*3\r\n$3\r\nSET\r\n$${1 + prng.below(100_000)}\r\nhalf`;
  socket.write(text, 'latin1');
  const end = prng.below(3);
  if (end === 0) socket.end();
  else if (end === 1) socket.resetAndDestroy();
  else socket.destroy();
  socket.resume();
  await Promise.race([closed, sleep(20)]);
  socket.destroy();
  await closed;
}

async function settled(check: () => Promise<string | undefined>): Promise<void> {
  let problem = await check();
  for (let tries = 0; problem !== undefined; tries++) {
    assert.ok(tries < 600, problem);
    await sleep(100);
    problem = await check();
  }
}

/** Runs rounds until `isOver`, at least a few, and checks what is left. */
export async function soak(seed: number, isOver: () => boolean, tell: (line: string) => void): Promise<void> {
  const prng = new Prng(seed);
  const kvasir = await startKvasir({ args: ['--enable-debug-command', 'yes', '--appendonly', 'yes'] });
  const control = new Redis(kvasir.port, { retryStrategy: () => null });
  const field = (text: string, name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1]);
  /** Everything that lives or grows with time is gone: keys expire or are deleted, garbage is freed. */
  const empty = async (): Promise<number | undefined> => {
    await settled(async () => {
      const clients = await control.info('clients');
      const left = ['blocked_clients', 'tracking_clients', 'pubsub_clients', 'watching_clients', 'total_blocking_keys']
        .filter((name) => field(clients, name) > 0)
        .concat(field(clients, 'connected_clients') > 1 ? ['connected_clients'] : []);
      return left.length === 0 ? undefined : `seed ${seed}: ${left.join(', ')} stay`;
    });
    assert.equal(await control.call('DEBUG', 'VERIFY'), 'OK', `seed ${seed}`);
    await control.flushall();
    await control.script('FLUSH');
    await control.call('MEMORY', 'PURGE');
    await settled(async () =>
      field(await control.info('memory'), 'lazyfree_pending_objects') === 0 ? undefined : `seed ${seed}: not freed`,
    );
    await control.call('MEMORY', 'PURGE');
    return kvasir.residentBytes();
  };
  try {
    let first: number | undefined;
    let handles = 0;
    const countHandles = async (): Promise<number> => Number(await control.call('DEBUG', 'HANDLES'));
    for (let round = 0; round < WARM_UP_ROUNDS + 2 || !isOver(); round++) {
      await Promise.all(Array.from({ length: CLIENTS_PER_ROUND }, () => live(kvasir.port, prng)));
      const resident = await empty();
      if (round === WARM_UP_ROUNDS) {
        first = resident;
        handles = await countHandles();
      }
      if (resident !== undefined && round % 20 === 0) tell(`round ${round}: ${Math.round(resident / MB)} MB resident`);
      if (resident !== undefined && first !== undefined)
        assert.ok(
          resident < first + GROWTH_BYTES_MAX,
          `seed ${seed} round ${round}: ${Math.round(resident / MB)} MB, ${Math.round(first / MB)} MB after warming up`,
        );
    }
    assert.equal(
      field(await control.info('memory'), 'allocator_allocated') < 100_000,
      true,
      `seed ${seed}: blocks stay`,
    );
    await settled(async () => {
      const now = await countHandles();
      return now <= handles ? undefined : `seed ${seed}: ${now} handles, ${handles} after warming up`;
    });
    assert.doesNotMatch(kvasir.log(), /Internal error/, `seed ${seed}`);
  } finally {
    control.disconnect();
    await kvasir.stop();
  }
}
