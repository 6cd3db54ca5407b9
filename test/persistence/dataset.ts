// dataset: a seeded data set of every type, size and kind of value, as commands; and how they get to a server.

import { connect } from 'node:net';
import { Prng } from '../../src/base/prng.js';

type Word = string | Buffer;

function encode(command: readonly Word[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${command.length}\r\n`)];
  for (const word of command) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Sends commands and waits until all are answered; rejects with the first error reply. */
export function sendAll(port: number, commands: readonly (readonly Word[])[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const end = 'end-of-dataset';
    let tail = '';
    socket.on('error', reject);
    socket.on('data', (bytes) => {
      const text = tail + bytes.toString('latin1');
      const error = /(?:^|\r\n)-([A-Z]{3,} [^\r]*)\r\n/.exec(text);
      if (error !== null) {
        socket.destroy();
        reject(new Error(error[1]));
      } else if (text.includes(end)) {
        socket.end();
        resolve();
      }
      tail = text.slice(-200);
    });
    for (const command of commands) socket.write(encode(command));
    socket.write(encode(['ECHO', end]));
  });
}

function noise(random: Prng, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

function word(random: Prng): Word {
  switch (random.below(8)) {
    case 0:
      return String(random.below(1 << 30) - (1 << 29));
    case 1:
      return String(random.below(300) - 150);
    case 2:
      return random.chance(50) ? '9223372036854775807' : '-9223372036854775808';
    case 3:
      return noise(random, random.below(30));
    case 4:
      return 'abc'.repeat(random.below(60));
    case 5:
      return String((random.unit() - 0.5) * 10 ** random.below(30));
    default:
      return `word:${random.below(100_000)}`;
  }
}

function distinct(count: number, make: () => Word): Word[] {
  const seen = new Map<string, Word>();
  for (let tries = 0; seen.size < count && tries < count * 20; tries++) {
    const made = make();
    seen.set(Buffer.from(made as string).toString('latin1'), made);
  }
  return [...seen.values()];
}

function score(random: Prng): string {
  return random.pick([
    '0',
    '-1',
    '1.5',
    '3.141592653589793',
    '1e300',
    '-inf',
    'inf',
    '17179869184',
    '0.1',
    String(random.below(1000)),
  ]);
}

export interface DatasetOptions {
  readonly seed: number;
  /** How many keys of each type. */
  readonly keys: number;
  readonly withFunctions: boolean;
}

/** The commands that make the data set. */
export function dataset({ seed, keys, withFunctions }: DatasetOptions): Word[][] {
  const random = new Prng(seed);
  const commands: Word[][] = [];
  const sizes = [1, 2, 5, 20, 100, 130, 600, 2500];
  for (let database = 0; database < 3; database++) {
    commands.push(['SELECT', String([0, 3, 15][database])]);
    for (let number = 0; number < keys; number++) {
      const size = sizes[number % sizes.length]!;
      const key = (kind: string): Word =>
        random.chance(10) ? Buffer.concat([Buffer.from(kind), noise(random, 8)]) : `${kind}:${number}`;
      const made: Word[] = [];
      let name = key('string');
      made.push(name);
      commands.push([
        'SET',
        name,
        number % 7 === 0 ? 'x'.repeat(size * 40) : number % 7 === 1 ? noise(random, size * 30) : word(random),
      ]);
      name = key('list');
      made.push(name);
      commands.push([
        'RPUSH',
        name,
        ...Array.from({ length: size }, () =>
          random.chance(1) && random.chance(20) ? 'long'.repeat(3000) : word(random),
        ),
      ]);
      name = key('set');
      made.push(name);
      commands.push([
        'SADD',
        name,
        ...distinct(size, () =>
          number % 3 === 0
            ? String(random.below(100_000) - 50_000)
            : number % 3 === 1
              ? String((random.below(1e6) - 5e5) * 1e12)
              : word(random),
        ),
      ]);
      name = key('zset');
      made.push(name);
      commands.push(['ZADD', name, ...distinct(size, () => word(random)).flatMap((member) => [score(random), member])]);
      name = key('hash');
      made.push(name);
      commands.push(['HSET', name, ...distinct(size, () => word(random)).flatMap((field) => [field, word(random)])]);
      name = key('stream');
      made.push(name);
      streamCommands(random, name, Math.min(size, 400), commands);
      for (const one of made)
        if (random.chance(30)) commands.push(['PEXPIREAT', one, String(4_000_000_000_000 + random.below(1e9))]);
    }
  }
  commands.push(['SELECT', '0'], ['PFADD', 'hll', ...Array.from({ length: 2000 }, (_, index) => `p${index}`)]);
  if (withFunctions)
    commands.push(['FUNCTION', 'LOAD', "#!lua name=mylib\nredis.register_function('f', function() return 1 end)"]);
  return commands;
}

function streamCommands(random: Prng, name: Word, size: number, commands: Word[][]): void {
  const ids: string[] = [];
  for (let entry = 1; entry <= size; entry++) {
    const id = `${1_600_000_000_000 + entry * random.below(50)}-${entry}`;
    const previous = ids[ids.length - 1];
    const used =
      previous !== undefined && Number(id.split('-')[0]) <= Number(previous.split('-')[0])
        ? `${previous.split('-')[0]}-${entry}`
        : id;
    ids.push(used);
    const fields: Word[] = random.chance(70)
      ? ['temperature', word(random), 'humidity', word(random)]
      : [word(random), word(random)];
    commands.push(['XADD', name, used, ...fields]);
  }
  for (const id of ids) if (random.chance(10)) commands.push(['XDEL', name, id]);
  if (random.chance(30)) commands.push(['XTRIM', name, 'MAXLEN', String(Math.ceil(size / 2))]);
  for (let group = 0; group < random.below(3); group++) {
    commands.push(['XGROUP', 'CREATE', name, `group${group}`, random.chance(50) ? '0' : ids[size >> 1]!]);
    commands.push(['XGROUP', 'CREATECONSUMER', name, `group${group}`, 'idle']);
    for (const consumer of ['alice', 'bob']) {
      commands.push([
        'XREADGROUP',
        'GROUP',
        `group${group}`,
        consumer,
        'COUNT',
        String(1 + random.below(10)),
        'STREAMS',
        name,
        '>',
      ]);
    }
    if (random.chance(50)) commands.push(['XACK', name, `group${group}`, ids[0]!]);
  }
}
