// options: the command line of kvasir-benchmark, which is redis-benchmark's with some options more.
//
// Options end at the first word that does not start with a dash; the rest is the command to run. Numbers are read as C's
// atoi reads them (leading digits, else 0), because scripts rely on it.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as nodeTls from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { hasCertificate, INVALID_AUTHORITY, materialProblem } from '../client/tls-words.js';
import { KVASIR_VERSION } from '../base/version.js';

export interface Options {
  host: string;
  port: number;
  socketPath: string | undefined;
  password: string | undefined;
  user: string | undefined;
  clients: number;
  requests: number;
  dataBytes: number;
  database: number;
  isResp3: boolean;
  /** 0: everything on the main thread. */
  threads: number;
  isCluster: boolean;
  tracking: boolean;
  keepAlive: boolean;
  keyspaceLength: number | undefined;
  pipeline: number;
  isQuiet: boolean;
  isCsv: boolean;
  precision: number;
  loop: boolean;
  tests: string[] | undefined;
  isIdle: boolean;
  readsStdin: boolean;
  seed: number;
  tls: ConnectionOptions | undefined;
  rate: number;
  versus: { host: string; port: number } | undefined;
  rounds: number;
  chart: boolean;
  htmlPath: string | undefined;
  command: string[];
}

/** The run ends here, with this text and exit code. */
export class EarlyExit extends Error {
  readonly out: string;
  readonly err: string;
  readonly code: number;

  constructor(code: number, out: string, err = '') {
    super(err || out);
    this.code = code;
    this.out = out;
    this.err = err;
  }
}

const threadsMax = 500;
const dataBytesMax = 1024 * 1024 * 1024;
const defaultPrecision = 3;
const precisionMax = 4;

interface TlsFlags {
  isWanted: boolean;
  sni?: string;
  cacert?: string;
  cacertdir?: string;
  insecure?: boolean;
  cert?: string;
  key?: string;
  ciphers?: string;
  ciphersuites?: string;
}

type Apply = (options: Options, value: string, tls: TlsFlags) => void;

const flagsWithValue: Record<string, Apply> = {
  '-h': (options, value) => void (options.host = value),
  '-p': (options, value) => void (options.port = checkedPort(value)),
  '-s': (options, value) => void (options.socketPath = value),
  '-a': (options, value) => void (options.password = value),
  '--user': (options, value) => void (options.user = value),
  '-u': (options, value, tls) => applyUri(options, value, tls),
  '-c': (options, value) => void (options.clients = Math.max(1, atoi(value))),
  '-n': (options, value) => void (options.requests = atoi(value)),
  '-d': (options, value) => void (options.dataBytes = Math.min(dataBytesMax, Math.max(1, atoi(value)))),
  '--dbnum': (options, value) => void (options.database = atoi(value)),
  '-k': (options, value) => void (options.keepAlive = atoi(value) !== 0),
  '-r': (options, value) => void (options.keyspaceLength = Math.max(0, atoi(value))),
  '-P': (options, value) => void (options.pipeline = Math.max(1, atoi(value))),
  '-t': (options, value) => void (options.tests = value.toLowerCase().split(',')),
  '--seed': (options, value) => void (options.seed = atoi(value)),
  '--precision': (options, value) => {
    const precision = atoi(value);
    options.precision = precision < 0 ? defaultPrecision : Math.min(precisionMax, Math.max(1, precision));
  },
  '--threads': (options, value) => {
    options.threads = Math.max(0, atoi(value));
    if (options.threads <= threadsMax) return;
    process.stderr.write(`WARNING: Too many threads, limiting threads to ${threadsMax}.\n`);
    options.threads = threadsMax;
  },
  '--sni': (_options, value, tls) => void (tls.sni = value),
  '--cacert': (_options, value, tls) => void (tls.cacert = value),
  '--cacertdir': (_options, value, tls) => void (tls.cacertdir = value),
  '--cert': (_options, value, tls) => void (tls.cert = value),
  '--key': (_options, value, tls) => void (tls.key = value),
  '--tls-ciphers': (_options, value, tls) => void (tls.ciphers = value),
  '--tls-ciphersuites': (_options, value, tls) => void (tls.ciphersuites = value),
  '--rate': (options, value) => {
    options.rate = Number(value);
    if (!(options.rate > 0) || options.rate > 1e8)
      throw new EarlyExit(1, '', 'Invalid rate: give requests per second.\n');
  },
  '--vs': (options, value) => {
    const colon = value.lastIndexOf(':');
    const port = Number(value.slice(colon + 1));
    if (colon < 0 || !Number.isInteger(port) || port < 1 || port > 65535) {
      throw new EarlyExit(1, '', `Invalid server to compare with: ${value} is not host:port.\n`);
    }
    options.versus = { host: value.slice(0, colon) || '127.0.0.1', port };
  },
  '--rounds': (options, value) => void (options.rounds = Math.max(1, atoi(value))),
  '--html': (options, value) => void (options.htmlPath = value),
};

const flagsWithoutValue: Record<string, Apply> = {
  '-x': (options) => void (options.readsStdin = true),
  '-3': (options) => void (options.isResp3 = true),
  '-q': (options) => void (options.isQuiet = true),
  '--csv': (options) => void (options.isCsv = true),
  '-l': (options) => void (options.loop = true),
  '-I': (options) => void (options.isIdle = true),
  '-e': () => {
    process.stderr.write(
      'WARNING: -e option has no effect. We now immediately exit on error to avoid false results.\n',
    );
  },
  '--cluster': (options) => void (options.isCluster = true),
  '--enable-tracking': (options) => void (options.tracking = true),
  '--tls': (_options, _value, tls) => void (tls.isWanted = true),
  '--insecure': (_options, _value, tls) => void (tls.insecure = true),
  '--chart': (options) => void (options.chart = true),
  '--help': () => {
    throw new EarlyExit(0, usage());
  },
  '-v': () => {
    throw new EarlyExit(0, `kvasir-benchmark ${KVASIR_VERSION}\n`);
  },
};
flagsWithoutValue['--version'] = flagsWithoutValue['-v']!;

export function parseOptions(args: readonly string[]): Options {
  const options: Options = {
    host: '127.0.0.1',
    port: 6379,
    socketPath: undefined,
    password: undefined,
    user: undefined,
    clients: 50,
    requests: 100000,
    dataBytes: 3,
    database: 0,
    isResp3: false,
    threads: 0,
    isCluster: false,
    tracking: false,
    keepAlive: true,
    keyspaceLength: undefined,
    pipeline: 1,
    isQuiet: false,
    isCsv: false,
    precision: defaultPrecision,
    loop: false,
    tests: undefined,
    isIdle: false,
    readsStdin: false,
    seed: (Date.now() ^ (process.pid << 8)) | 0,
    tls: undefined,
    rate: 0,
    versus: undefined,
    rounds: 5,
    chart: false,
    htmlPath: undefined,
    command: [],
  };
  const tls: TlsFlags = { isWanted: false };
  let at = 0;
  for (; at < args.length && args[at]!.startsWith('-'); at++) {
    const name = args[at]!;
    const apply = flagsWithoutValue[name];
    const applyValue = flagsWithValue[name];
    if (apply !== undefined) apply(options, '', tls);
    else if (applyValue !== undefined && at + 1 < args.length) {
      const value = args[++at]!;
      if (name === '-r' && /^-(?!\d)/.test(value)) throw invalidOption(value);
      applyValue(options, value, tls);
    } else throw invalidOption(name);
  }
  options.command = args.slice(at);
  if (tls.isWanted) options.tls = tlsOptions(tls, options.host);
  return options;
}

function invalidOption(name: string): EarlyExit {
  return new EarlyExit(1, `Invalid option "${name}" or option argument missing\n\n${usage()}`);
}

function atoi(text: string): number {
  const digits = /^\s*([+-]?\d+)/.exec(text)?.[1];
  return digits === undefined ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Number(digits)));
}

function checkedPort(text: string): number {
  const port = atoi(text);
  if (port < 0 || port > 65535) throw new EarlyExit(1, '', 'Invalid server port.\n');
  return port;
}

/** redis[s]://[[user]:password@]host[:port][/database] */
function applyUri(options: Options, uri: string, tls: TlsFlags): void {
  const match = /^redis(s?):\/\/(.*)$/is.exec(uri);
  if (match === null) throw new EarlyExit(1, '', 'Invalid URI scheme\n');
  if (match[1] !== '') tls.isWanted = true;
  let rest = match[2]!;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const colon = rest.indexOf(':');
    const hasUser = colon >= 0 && colon < at;
    if (hasUser) options.user = percentDecode(rest.slice(0, colon));
    options.password = percentDecode(rest.slice(hasUser ? colon + 1 : 0, at));
    if (options.user === '') options.user = undefined;
    rest = rest.slice(at + 1);
  }
  const slash = rest.indexOf('/');
  const place = slash < 0 ? rest : rest.slice(0, slash);
  const endpoint = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(place);
  if (place !== '' && endpoint !== null) {
    options.host = endpoint[1] ?? endpoint[2]!;
    if (endpoint[3] !== undefined) options.port = checkedPort(endpoint[3]);
  }
  if (slash >= 0 && rest.length > slash + 1) options.database = atoi(rest.slice(slash + 1));
}

function percentDecode(text: string): string {
  return text.replace(/%(.{0,2})/gs, (_whole, hex: string) => {
    if (hex.length < 2) throw new EarlyExit(1, '', 'Incomplete URI encoding\n');
    if (!/^[0-9a-f]{2}$/i.test(hex)) throw new EarlyExit(1, '', 'Illegal character in URI encoding\n');
    return String.fromCharCode(parseInt(hex, 16));
  });
}

function tlsOptions(flags: TlsFlags, host: string): ConnectionOptions {
  const tls: ConnectionOptions = { rejectUnauthorized: flags.insecure !== true };
  const refuse = (reason: string): EarlyExit =>
    new EarlyExit(1, '', `Could not negotiate a TLS connection: ${reason}\n`);
  const read = (path: string, what: string): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      throw refuse(what);
    }
  };
  if (flags.sni !== undefined) tls.servername = flags.sni;
  else if (!/^[\d.]+$|:/.test(host)) tls.servername = host;
  if (flags.cacert !== undefined) {
    tls.ca = read(flags.cacert, INVALID_AUTHORITY);
    if (!hasCertificate(tls.ca)) throw refuse(INVALID_AUTHORITY);
  } else if (flags.cacertdir !== undefined) tls.ca = authoritiesIn(flags.cacertdir, read);
  if (flags.cert !== undefined) tls.cert = read(flags.cert, 'Invalid client certificate');
  if (flags.key !== undefined) tls.key = read(flags.key, 'Invalid private key');
  const ciphers = [flags.ciphersuites, flags.ciphers].filter((list) => list !== undefined);
  if (ciphers.length > 0) tls.ciphers = ciphers.join(':');
  const problem = materialProblem(nodeTls, {
    cert: tls.cert as string | undefined,
    key: tls.key as string | undefined,
    ciphers: flags.ciphers,
    cipherSuites: flags.ciphersuites,
  });
  if (problem !== undefined) throw refuse(problem);
  return tls;
}

function authoritiesIn(folder: string, read: (path: string, what: string) => string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    throw new EarlyExit(1, '', `Could not negotiate a TLS connection: ${INVALID_AUTHORITY}\n`);
  }
  return names
    .filter((name) => /\.(pem|crt|\d)$/.test(name))
    .map((name) => read(join(folder, name), INVALID_AUTHORITY));
}

function usage(): string {
  const rows: [string, string][] = [
    ['-h <hostname>', 'Host of the server (default 127.0.0.1)'],
    ['-p <port>', 'Port of the server (default 6379)'],
    ['-s <socket>', 'Unix socket of the server; host and port are not used then'],
    ['-a <password>', 'Password for AUTH'],
    ['--user <username>', 'User name for AUTH; needs -a'],
    ['-u <uri>', 'All of it in one: redis://user:password@host:port/dbnum (rediss:// for TLS)'],
    ['-c <clients>', 'Connections in parallel (default 50)'],
    ['-n <requests>', 'Requests in total for each test (default 100000)'],
    ['-d <size>', 'Bytes of the values written, and of __data__ (default 3)'],
    ['--dbnum <db>', 'Database to SELECT (default 0)'],
    ['-3', 'Speak RESP3'],
    ['--threads <num>', 'Generate the load in this many threads'],
    [
      '--cluster',
      'Spread over the masters of a cluster. A command of your own must have\n{tag} in its keys, or it will not reach the node that owns them.',
    ],
    ['--enable-tracking', 'CLIENT TRACKING on for every connection'],
    ['-k <boolean>', '1: keep connections, 0: a new one for each batch (default 1)'],
    [
      '-r <keyspacelen>',
      'Random keys, elements and scores: __rand_int__ becomes a 12 digit number\nbelow <keyspacelen>, a new one each time. Of __rand_1st__ to __rand_9th__\nall occurrences in one command get the same number. Without -r every\nrequest uses the same key.',
    ],
    ['-P <numreq>', 'Requests sent in one batch (default 1)'],
    ['-q', 'Quiet: one line a test'],
    ['--precision <digits>', 'Significant digits of the latencies, 1 to 4 (default 3)'],
    ['--csv', 'Comma separated output'],
    ['-l', 'Loop: run the tests forever'],
    ['-t <tests>', 'Only these tests, comma separated, named as in the output. Not used\nwhere a command is given.'],
    ['-I', 'Idle mode: open the connections and wait'],
    ['-x', 'Read the last argument from the standard input'],
    ['--seed <num>', 'Seed of the random numbers (default from the clock)'],
    ['--tls', 'Encrypt with TLS'],
    ['--sni <host>', 'Server name for TLS'],
    ['--cacert <file>', 'Certificates of the authorities to trust'],
    ['--cacertdir <dir>', 'Folder with such certificates; without both, those of Node are used'],
    ['--insecure', 'Do not verify the certificate of the server'],
    ['--cert <file>', 'Certificate of the client'],
    ['--key <file>', 'Its private key'],
    ['--tls-ciphers <list>', 'Ciphers up to TLS 1.2, separated by colons'],
    ['--tls-ciphersuites <list>', 'Cipher suites of TLS 1.3, separated by colons'],
    [
      '--rate <num>',
      'Send this many requests a second on a fixed schedule, at most -P under way\non each connection, and measure latency from the scheduled time.',
    ],
    ['--vs <host:port>', 'Run every test against a second server too, in turns, and compare'],
    ['--rounds <num>', 'Rounds of --vs (default 5)'],
    ['--chart', 'Show the latency over time of each test as text'],
    ['--html <file>', 'Write the results with charts as one HTML page'],
    ['--help', 'Show this help'],
    ['--version', 'Show the version'],
  ];
  const lines = rows.map(([flag, text]) => {
    const body = text.split('\n').join(`\n${' '.repeat(20)}`);
    return flag.length > 18 ? ` ${flag}\n${' '.repeat(20)}${body}` : ` ${flag.padEnd(18)} ${body}`;
  });
  return `Usage: kvasir-benchmark [OPTIONS] [COMMAND ARGS...]

Options:
${lines.join('\n')}

Examples:

 All tests against 127.0.0.1:6379:
   $ kvasir-benchmark

 Fill a server with about a million strings:
   $ kvasir-benchmark -t set -n 1000000 -r 100000000

 A command of your own with random arguments:
   $ kvasir-benchmark -r 10000 -n 10000 lpush mylist __rand_int__

 Latency at 20,000 requests a second, as a page to look at:
   $ kvasir-benchmark -t get -n 200000 --rate 20000 --html get.html

 Two servers side by side:
   $ kvasir-benchmark -p 6379 --vs 127.0.0.1:6380 -t get,set -P 16
`;
}
