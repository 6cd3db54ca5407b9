// flags: the command line of nutcracker, to the letter, and kvasir-proxy's additions.
import { digitsOnly } from './nutcracker-config.js';

export interface ProxyFlags {
  help: boolean;
  version: boolean;
  testsConfig: boolean;
  daemonizes: boolean;
  describesStats: boolean;
  /** 0 to 11. */
  verbosity: number;
  outputFile: string | undefined;
  configFile: string;
  statsPort: number;
  statsAddress: string;
  statsIntervalMs: number;
  pidFile: string | undefined;
  mbufBytes: number;
}

/** A mistake in the command line, in nutcracker's words. */
export class FlagError extends Error {}

const longNames: Readonly<Record<string, string>> = {
  help: 'h',
  version: 'V',
  'test-conf': 't',
  daemonize: 'd',
  'describe-stats': 'D',
  verbose: 'v',
  output: 'o',
  'conf-file': 'c',
  'stats-port': 's',
  'stats-addr': 'a',
  'stats-interval': 'i',
  'pid-file': 'p',
  'mbuf-size': 'm',
};
const withArgument = new Set('vocsaipm');
const known = new Set('hVtdDvocsaipm');
const missing: Readonly<Record<string, string>> = {
  v: 'a number',
  o: 'a file name',
  c: 'a file name',
  s: 'a number',
  a: 'a string',
  i: 'a number',
  p: 'a file name',
  m: 'a number',
};

export const usage = `Usage: kvasir-proxy [-?hVdDt] [-v verbosity level] [-o output file]
                    [-c conf file] [-s stats port] [-a stats addr]
                    [-i stats interval] [-p pid file] [-m mbuf size]

Options:
  -h, --help             : this help
  -V, --version          : show version and exit
  -t, --test-conf        : test configuration for syntax errors and exit
  -d, --daemonize        : run as a daemon
  -D, --describe-stats   : print stats description and exit
  -v, --verbose=N        : set logging level (default: 5, min: 0, max: 11)
  -o, --output=S         : set logging file (default: stderr)
  -c, --conf-file=S      : set configuration file (default: conf/nutcracker.yml)
  -s, --stats-port=N     : set stats monitoring port (default: 22222, 0: none)
  -a, --stats-addr=S     : set stats monitoring ip (default: 0.0.0.0)
  -i, --stats-interval=N : set stats aggregation interval in msec (default: 30000 msec)
  -p, --pid-file=S       : set pid file (default: off)
  -m, --mbuf-size=N      : set size of mbuf chunk in bytes (default: 16384 bytes)

SIGHUP reads the configuration file anew and reopens the log; no client is disconnected.
`;

/** Splits words into (letter, argument) pairs as getopt does. */
function* options(words: readonly string[]): Generator<[string, string | undefined]> {
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    if (word.startsWith('--') && word.length > 2) {
      const equals = word.indexOf('=');
      const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
      const letter = longNames[name];
      if (letter === undefined) throw new FlagError(`invalid option -- '${name}'`);
      if (!withArgument.has(letter)) yield [letter, undefined];
      else yield [letter, equals < 0 ? words[++index] : word.slice(equals + 1)];
      continue;
    }
    if (!word.startsWith('-') || word.length < 2) continue;
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      if (letter === '?') {
        yield ['h', undefined];
        continue;
      }
      if (!known.has(letter)) throw new FlagError(`invalid option -- '${letter}'`);
      if (!withArgument.has(letter)) {
        yield [letter, undefined];
        continue;
      }
      yield [letter, at + 1 < word.length ? word.slice(at + 1) : words[++index]];
      break;
    }
  }
}

export function readFlags(words: readonly string[]): ProxyFlags {
  const flags: ProxyFlags = {
    help: false,
    version: false,
    testsConfig: false,
    daemonizes: false,
    describesStats: false,
    verbosity: 5,
    outputFile: undefined,
    configFile: 'conf/nutcracker.yml',
    statsPort: 22222,
    statsAddress: '0.0.0.0',
    statsIntervalMs: 30_000,
    pidFile: undefined,
    mbufBytes: 16384,
  };
  for (const [letter, argument] of options(words)) {
    if (withArgument.has(letter) && argument === undefined)
      throw new FlagError(`option -${letter} requires ${missing[letter]}`);
    apply(flags, letter, argument ?? '');
  }
  return flags;
}

function apply(flags: ProxyFlags, letter: string, argument: string): void {
  const number = digitsOnly(argument);
  switch (letter) {
    case 'h':
      flags.help = flags.version = true;
      return;
    case 'V':
      flags.version = true;
      return;
    case 't':
      flags.testsConfig = true;
      return;
    case 'd':
      flags.daemonizes = true;
      return;
    case 'D':
      flags.describesStats = flags.version = true;
      return;
    case 'v':
      if (Number.isNaN(number)) throw new FlagError('option -v requires a number');
      flags.verbosity = Math.min(number, 11);
      return;
    case 'o':
      flags.outputFile = argument;
      return;
    case 'c':
      flags.configFile = argument;
      return;
    case 's':
      if (Number.isNaN(number)) throw new FlagError('option -s requires a number');
      if (number > 65535) throw new FlagError(`option -s value ${number} is not a valid port`);
      flags.statsPort = number;
      return;
    case 'a':
      flags.statsAddress = argument;
      return;
    case 'i':
      if (Number.isNaN(number)) throw new FlagError('option -i requires a number');
      flags.statsIntervalMs = number;
      return;
    case 'p':
      flags.pidFile = argument;
      return;
    case 'm':
      if (Number.isNaN(number)) throw new FlagError('option -m requires a number');
      if (number === 0) throw new FlagError('option -m requires a non-zero number');
      if (number < 512 || number > 16777216)
        throw new FlagError('mbuf chunk size must be between 512 and 16777216 bytes');
      flags.mbufBytes = number;
  }
}
