// argument-values: values for the arguments of random commands: likely ones, borderline ones, wrong ones.
//
// Words are one-byte strings. No value makes a server allocate hundreds of megabytes or reply without end (see `offset` and
// `wrong`), and no time makes a key expire during a run: times are long past or far ahead.

import type { Prng } from '../../src/base/prng.js';
import type { Argument } from '../../src/registry/grammar.js';

/** Keys by what is mostly kept in them. Few, so that commands meet what others left. */
const keysByGroup: Readonly<Record<string, readonly string[]>> = {
  string: ['s1', 's2', 's3'],
  list: ['l1', 'l2', 'l3'],
  hash: ['h1', 'h2'],
  set: ['e1', 'e2', 'e3'],
  sorted_set: ['z1', 'z2', 'z3'],
  stream: ['x1', 'x2'],
  bitmap: ['b1', 's1', 'b2'],
  hyperloglog: ['p1', 'p2', 'p3'],
  geo: ['g1', 'g2'],
};
const allKeys = [...new Set(Object.values(keysByGroup).flat())];
const oddKeys = ['', 'missing', '\0\xff', ' ', 'k'.repeat(300), '{tag}k', '1'];

const texts = [
  '',
  'a',
  'foo',
  'bar',
  'hello\r\n',
  '\0',
  '\xff\xfe',
  ' 1',
  '1 ',
  '1.5',
  '-1.5',
  '3.0',
  '1e3',
  '0x10',
  '+1',
  '-0',
  '007',
  '1e400',
  'inf',
  '-inf',
  'nan',
  '0.1',
  '3.3333333333333335',
  '1e-7',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '18446744073709551615',
  '4503599627370497',
  '9007199254740993',
  '1e17',
  'x'.repeat(44),
  'x'.repeat(45),
  'y'.repeat(64),
  'y'.repeat(65),
  'z'.repeat(200),
  'w'.repeat(5000),
];
const doubles = [
  '0',
  '1',
  '-1',
  '1.5',
  '-0.7',
  '3.3',
  '0.1',
  '1e20',
  '1e-7',
  '1e300',
  '-1e300',
  'inf',
  '+inf',
  '-inf',
  '9007199254740993',
  '1e15',
  '123456789.123456789',
  '-0',
  '5e-324',
  '1.7976931348623157e308',
  '10',
  '100',
  '2',
  '3',
  '1e5',
  '17.999999999999996',
];
/** Refused, or surprising, wherever they stand. */
const wrong = [
  '',
  'x',
  '1.5',
  '-1',
  '0',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
  '-9223372036854775809',
  '4294967296',
  '1e3',
  '0x1',
  ' 1',
  '1 ',
  'nan',
  'inf',
  '+1',
  '01',
  '\0',
  '(',
  '[',
  '-',
  '+',
  '*',
  '$',
  '>',
  'NX',
  'COUNT',
  'limit',
  'withscores',
  'a'.repeat(100),
];
const patterns = [
  '*',
  's*',
  '?1',
  '[a-l]*',
  '[^a-l]*',
  '\\*',
  '[',
  '[a',
  '*a*',
  '',
  'm1?',
  '\xff*',
  '[z-a]*',
  '*1',
  'foo',
];
const farSeconds = [100, 1000, 100_000, 10_000_000];
const future = 4_102_444_800; // the year 2100

export class ArgumentValues {
  constructor(
    private readonly prng: Prng,
    /** What DUMP gave on a real server. */
    private readonly dumps: readonly string[],
    /** Whether the real server reads hexadecimal floats. */
    private readonly hexadecimal: boolean,
  ) {}

  key(group: string): string {
    const { prng } = this;
    const own = keysByGroup[group];
    if (prng.chance(2)) return prng.pick(oddKeys);
    return own === undefined || prng.chance(6) ? prng.pick(allKeys) : prng.pick(own);
  }

  wrong(): string {
    const word = this.prng.pick(wrong);
    return word === '0x1' && !this.hexadecimal ? 'x' : word;
  }

  text(): string {
    const { prng } = this;
    if (prng.chance(45)) return String(prng.below(prng.chance(50) ? 12 : 400));
    return prng.chance(50) ? prng.pick(texts) : `m${prng.below(40)}`;
  }

  /** Members and fields: mostly few, so that they are met again, sometimes new ones. */
  member(): string {
    const { prng } = this;
    const kind = prng.below(20);
    if (kind < 11) return `m${prng.below(prng.chance(60) ? 10 : 600)}`;
    if (kind < 16) return String(prng.below(30) - 4);
    return kind < 18 ? prng.pick(texts) : prng.pick(['a', 'b', 'c']);
  }

  smallInteger(): string {
    return String(this.prng.below(20) - (this.prng.chance(40) ? 10 : 0));
  }

  double(): string {
    const { prng } = this;
    if (prng.chance(2)) return this.wrong();
    if (prng.chance(50)) return String(prng.below(30));
    return this.hexadecimal && prng.chance(2) ? '0x10' : prng.pick(doubles);
  }

  /** A relative time in seconds. */
  private seconds(factor: number): string {
    const { prng } = this;
    const kind = prng.below(20);
    if (kind === 0) return '0';
    if (kind === 1) return '-1';
    if (kind === 2)
      return prng.pick([
        '9223372036854775807',
        '-9223372036854775808',
        '9223372036854775',
        '9223372036854775808',
        'x',
        '1.5',
        '',
        ' 100',
      ]);
    return String(prng.pick(farSeconds) * factor);
  }

  private unixTime(factor: number): string {
    const { prng } = this;
    const kind = prng.below(20);
    if (kind < 2) return prng.pick(['0', '-1', '1', '1000000000']);
    if (kind === 2) return prng.pick(['9223372036854775807', '-9223372036854775808', '9223372036854775', 'x', '']);
    return String((future + prng.below(5) * 1000) * factor);
  }

  private offset(): string {
    const { prng } = this;
    if (prng.chance(5)) return prng.pick(['-1', '4294967296', '9223372036854775807', 'x', '1.5', '536870912000']);
    return String(prng.below(prng.chance(10) ? 20_000 : 150));
  }

  private streamId(): string {
    const { prng } = this;
    const kind = prng.below(30);
    if (kind === 0)
      return prng.pick(['0-0', 'x', '1-', '-', '+', '1-x', '1-1-1', '', '-1-1', '18446744073709551616-0']);
    if (kind === 1)
      return prng.pick([
        '18446744073709551615-18446744073709551615',
        '18446744073709551615-18446744073709551614',
        '18446744073709551615',
      ]);
    if (kind < 5) return `${prng.below(200)}-*`;
    if (kind < 10) return String(prng.below(200));
    return `${prng.below(200)}-${prng.below(4)}`;
  }

  private scoreBound(): string {
    const { prng } = this;
    return (prng.chance(30) ? '(' : '') + (prng.chance(30) ? prng.pick(['-inf', '+inf', 'inf']) : this.double());
  }

  private lexBound(): string {
    const { prng } = this;
    if (prng.chance(3)) return this.wrong();
    return prng.chance(40) ? prng.pick(['-', '+']) : (prng.chance(50) ? '[' : '(') + this.member();
  }

  /** Of an argument that is no token, group, key or count of what follows. */
  of(argument: Argument, group: string, command: string): string {
    const { prng } = this;
    const { name } = argument;
    switch (name) {
      case 'seconds':
        return this.seconds(1);
      case 'milliseconds':
        return argument.token === 'BLOCK' ? prng.pick(['1', '2', '-1', 'x']) : this.seconds(1000);
      case 'ttl':
        return prng.pick(['0', '0', '0', '100000', '10000000', '-1', 'x']);
      case 'unix-time-seconds':
        return this.unixTime(1);
      case 'unix-time-milliseconds':
        return this.unixTime(1000);
      case 'timeout':
        return prng.pick(['0.001', '0.002', '1e-3', '0.001', '-1', 'x', '9223372036854775807', 'nan']);
      case 'idle':
      case 'ms':
      case 'min-idle-time':
        return prng.pick(['0', '0', '0', '100000000', '-1', 'x']);
      case 'offset':
      case 'index':
        return group === 'bitmap' && prng.chance(15)
          ? `#${prng.below(10)}`
          : name === 'offset' || group === 'string'
            ? this.offset()
            : group === 'list'
              ? this.smallInteger()
              : prng.pick(['0', '0', '1', '0', '16', '-1', 'x']);
      case 'db':
      case 'destination-db':
      case 'index1':
      case 'index2':
        return prng.pick(['0', '1', '0', '1', '16', '-1', 'x']);
      case 'cursor':
        return prng.chance(92) ? '0' : prng.pick(['x', '-1', '', '1 ', '18446744073709551616', '0x0']);
      case 'type':
        return prng.pick(['string', 'list', 'set', 'hash', 'zset', 'stream', 'ZSET', 'nothing']);
      case 'encoding':
        return prng.pick([
          'u8',
          'i8',
          'u1',
          'i1',
          'u63',
          'i64',
          'u64',
          'i5',
          'u16',
          'i33',
          'i0',
          'i65',
          'x8',
          'u',
          '8',
        ]);
      case 'bit':
        return prng.pick(['0', '1', '0', '1', '2', '-1', 'x']);
      case 'serialized-value':
        return prng.chance(80) && this.dumps.length > 0 ? prng.pick(this.dumps) : this.text();
      case 'frequency':
        return prng.pick(['0', '10', '255', '256', '-1', 'x']);
      case 'group':
        return prng.pick(['gr1', 'gr2', 'gr1', '']);
      case 'consumer':
        return prng.pick(['alice', 'bob', '']);
      case 'longitude':
        return prng.chance(3) ? prng.pick(['181', '-181', 'x', '']) : String((prng.below(360_000) - 180_000) / 1000);
      case 'latitude':
        return prng.chance(3) ? prng.pick(['86', '-86', 'x', '']) : String((prng.below(170_000) - 85_000) / 1000);
      case 'radius':
      case 'width':
      case 'height':
        return prng.chance(3) ? this.wrong() : String(prng.below(prng.chance(50) ? 1000 : 20_000_000));
      case 'subcommand':
        return prng.pick(['getreg', 'decode', 'encoding', 'todense', 'GETREG', 'simplify', 'x']);
      case 'parameter':
        return prng.pick([
          'maxmemory',
          'hash-max-*',
          'appendonly',
          'databases',
          'x',
          'list-max-listpack-size',
          'proto-max-bulk-len',
        ]);
      case 'version':
        return prng.pick(['5', '6', '7']);
      case 'score':
      case 'weight':
        return this.double();
      case 'member':
      case 'field':
      case 'member1':
      case 'member2':
        return this.member();
      case 'element':
      case 'pivot':
        return prng.chance(70) ? this.member() : this.text();
      case 'connection-name':
        return prng.pick(['', 'name', 'with space', 'line\n', '\xff']);
      default:
        break;
    }
    if (group === 'stream') {
      if (/id$|^start$|^end$|^threshold$/.test(name)) {
        if (command === 'xread' && prng.chance(10)) return '$';
        if (command === 'xreadgroup' && prng.chance(60)) return '>';
        if ((name === 'start' || name === 'end') && prng.chance(50)) return prng.pick(['-', '+', '(1', '(5-1', '(']);
        return name === 'threshold' && prng.chance(60) ? String(prng.below(30)) : this.streamId();
      }
    }
    if (group === 'sorted_set' && ['min', 'max', 'start', 'stop'].includes(name)) {
      if (command.endsWith('bylex') || command === 'zlexcount') return this.lexBound();
      if (command.endsWith('byscore') || command === 'zcount') return this.scoreBound();
      if (command === 'zrange' || command === 'zrangestore')
        return prng.pick([this.lexBound(), this.scoreBound(), this.smallInteger(), this.smallInteger()]);
      return this.smallInteger();
    }
    if (command === 'zincrby' && name === 'increment') return this.double(); // documented as an integer
    switch (argument.kind) {
      case 'integer':
        return prng.chance(3)
          ? this.wrong()
          : name === 'increment' || name === 'decrement' || name === 'value'
            ? prng.chance(15)
              ? this.text()
              : this.smallInteger()
            : prng.chance(8)
              ? String(prng.below(700))
              : this.smallInteger();
      case 'double':
        return this.double();
      case 'pattern':
        return prng.pick(patterns);
      default:
        return this.text();
    }
  }
}
