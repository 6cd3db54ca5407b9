// options: the command line of kvasir-cli, which is redis-cli's.
//
// Each option is declared once below: its names, whether it takes a value, what it does and what --help says. The first
// word that is no option begins the command. Numbers are read as C reads them (`-p 6379x` is 6379), because scripts rely
// on it. Newer options of redis-cli (7.2 to 8.0) exist too.
import { unquote } from '../base/quoting.js';
import { KVASIR_VERSION } from '../base/version.js';
import { readLeadingInteger, readLeadingNumber } from '../base/c-numbers.js';
import { parseRedisUri } from './uri.js';

export type OutputFormat = 'standard' | 'raw' | 'csv' | 'json' | 'quoted-json';

/** The modes of the program other than running a command. */
export type Mode =
  | 'latency'
  | 'latency-dist'
  | 'replica'
  | 'rdb'
  | 'functions-rdb'
  | 'pipe'
  | 'bigkeys'
  | 'memkeys'
  | 'keystats'
  | 'hotkeys'
  | 'stat'
  | 'scan'
  | 'lru-test'
  | 'intrinsic-latency';

export interface CliOptions {
  host: string;
  port: number;
  socketPath: string | undefined;
  connectTimeoutMs: number;
  family: 4 | 6 | undefined;
  user: string | undefined;
  password: string | undefined;
  askPassword: boolean;
  authWarning: boolean;
  db: number;
  repeat: number;
  intervalMs: number;
  /** 'asked' insists on HELLO 3, 'tried' goes on with RESP2 when the server refuses (what --json does). */
  resp3: 'off' | 'asked' | 'tried';
  resp2: boolean;
  stdinLast: boolean;
  stdinTag: string | undefined;
  elementDelimiter: string;
  replyDelimiter: string;
  clusterMode: boolean;
  errorStatus: boolean;
  quotedInput: boolean;
  output: OutputFormat;
  showPushes: boolean;
  verbose: boolean;
  modes: Set<Mode>;
  latencyHistory: boolean;
  /** --mono: the latency spectrum in grey. */
  monochrome: boolean;
  rdbFile: string;
  pipeTimeoutSeconds: number;
  pattern: string | undefined;
  /** --type with --scan, --bigkeys, --memkeys and --keystats. */
  type: string | undefined;
  count: number;
  /** Elements that MEMORY USAGE samples; undefined leaves it to the server. */
  memorySamples: number | undefined;
  cursor: bigint;
  top: number;
  lruTestKeys: number;
  intrinsicLatencySeconds: number;
  evalFile: string | undefined;
  debugger: 'off' | 'forked' | 'sync';
  testHint: string | undefined;
  testHintFile: string | undefined;
  tls: boolean;
  tlsServerName: string | undefined;
  tlsCaFile: string | undefined;
  tlsCaFolder: string | undefined;
  tlsCertFile: string | undefined;
  tlsKeyFile: string | undefined;
  tlsCiphers: string | undefined;
  tlsCipherSuites: string | undefined;
  tlsInsecure: boolean;
  cluster: ClusterCall | undefined;
}

/** `--cluster <command> <args>` with its options, for the cluster manager. */
export interface ClusterCall {
  command: string;
  args: string[];
  /** --cluster-replicas 1 is ['replicas', ['1']]; switches have no values. */
  options: Map<string, string[]>;
}

/** The parsed command line. Texts are for stdout (`say`) or stderr (`refuse`, `warnings`). */
export type ParsedCommandLine =
  | { kind: 'run'; options: CliOptions; command: string[]; warnings: string[] }
  | { kind: 'help'; status: number }
  | { kind: 'version' }
  | { kind: 'refuse'; message: string };

interface Parsing {
  options: CliOptions;
  warnings: string[];
  clusterOptions: Map<string, string[]>;
}

class Refusal extends Error {}

interface OptionDeclaration {
  readonly names: readonly string[];
  /** The value's name in --help; none for a switch. */
  readonly value?: string;
  readonly help: string;
  apply(parsing: Parsing, value: string, name: string): void;
}

function mode(name: Mode): OptionDeclaration['apply'] {
  return ({ options }) => void options.modes.add(name);
}

function samples({ options }: Parsing, value: string, name: string): void {
  if (!/^\s*[+-]?\d+$/.test(value)) throw new Refusal(`${name} conversion error.`);
  if (Number(value) < 0) throw new Refusal(`${name} value should be positive.`);
  options.memorySamples = Number(value);
  options.modes.add('keystats');
}

function readUnsigned(value: string, name: string): bigint {
  if (!/^\s*[+-]?\d+$/.test(value)) throw new Refusal(`${name} conversion error.`);
  const number = BigInt(value.trim().replace(/^\+/, ''));
  if (number < 0n) throw new Refusal(`${name} should be followed by a positive integer.`);
  return number;
}

function setPort(options: CliOptions, port: number): void {
  if (port < 0 || port > 65535) throw new Refusal('Invalid server port.');
  options.port = port;
}

const declarations: readonly OptionDeclaration[] = [
  {
    names: ['-h'],
    value: 'hostname',
    help: 'Host of the server (default 127.0.0.1).',
    apply: ({ options }, value) => (options.host = value),
  },
  {
    names: ['-p'],
    value: 'port',
    help: 'Port of the server (default 6379).',
    apply: ({ options }, value) => setPort(options, readLeadingInteger(value)),
  },
  {
    names: ['-t'],
    value: 'timeout',
    help: 'Seconds that connecting may take, decimals allowed (default 0: as long as the system tries).',
    apply({ options }, value) {
      if (!/^\s*\+?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value))
        throw new Refusal('Invalid connection timeout for -t.');
      options.connectTimeoutMs = Number(value) * 1000;
    },
  },
  {
    names: ['-s'],
    value: 'socket',
    help: 'Unix socket of the server, instead of host and port.',
    apply: ({ options }, value) => (options.socketPath = value),
  },
  {
    names: ['-a', '--pass'],
    value: 'password',
    help: 'Password. REDISCLI_AUTH in the environment does the same without showing it in the process list.',
    apply: ({ options }, value) => (options.password = value),
  },
  {
    names: ['--user'],
    value: 'username',
    help: 'Log in as this ACL user; needs a password.',
    apply: ({ options }, value) => (options.user = value),
  },
  {
    names: ['--askpass'],
    help: 'Ask for the password at the terminal; -a and REDISCLI_AUTH are ignored then.',
    apply: ({ options }) => (options.askPassword = true),
  },
  {
    names: ['-u'],
    value: 'uri',
    help: 'Everything in one: redis://user:password@host:port/db, or rediss:// for TLS. All parts but the scheme may be left out.',
    apply({ options }, value) {
      let uri;
      try {
        uri = parseRedisUri(value);
      } catch (error) {
        throw new Refusal(error instanceof Error ? error.message : String(error));
      }
      if (uri.tls) options.tls = true;
      if (uri.user !== undefined) options.user = uri.user;
      if (uri.password !== undefined) options.password = uri.password;
      if (uri.host !== undefined) options.host = uri.host;
      if (uri.port !== undefined) setPort(options, uri.port);
      if (uri.db !== undefined) options.db = uri.db;
    },
  },
  {
    names: ['-r'],
    value: 'repeat',
    help: 'Run the command this many times (-1: without end).',
    apply: ({ options }, value) => (options.repeat = readLeadingInteger(value)),
  },
  {
    names: ['-i'],
    value: 'interval',
    help: 'Seconds to wait after each command of -r, each step of --scan and --stat, and each 100 steps of --bigkeys and its kin. Decimals allowed.',
    apply: ({ options }, value) => (options.intervalMs = readLeadingNumber(value) * 1000),
  },
  {
    names: ['-n'],
    value: 'db',
    help: 'Database number.',
    apply: ({ options }, value) => (options.db = readLeadingInteger(value)),
  },
  { names: ['-2'], help: 'Speak RESP2.', apply: ({ options }) => (options.resp2 = true) },
  { names: ['-3'], help: 'Speak RESP3.', apply: ({ options }) => (options.resp3 = 'asked') },
  {
    names: ['-x'],
    help: 'Take the last argument of the command from standard input.',
    apply: ({ options }) => (options.stdinLast = true),
  },
  {
    names: ['-X'],
    value: 'tag',
    help: 'Take the argument that equals the tag from standard input.',
    apply: ({ options }, value) => (options.stdinTag = value),
  },
  {
    names: ['-d'],
    value: 'delimiter',
    help: 'What stands between the elements of a raw reply (default: a line end).',
    apply: ({ options }, value) => (options.elementDelimiter = value),
  },
  {
    names: ['-D'],
    value: 'delimiter',
    help: 'What stands after each raw reply (default: a line end).',
    apply: ({ options }, value) => (options.replyDelimiter = value),
  },
  { names: ['-c'], help: 'Cluster mode: follow MOVED and ASK.', apply: ({ options }) => (options.clusterMode = true) },
  {
    names: ['-e'],
    help: 'Exit with status 1 when the command fails, and print the error to standard error.',
    apply: ({ options }) => (options.errorStatus = true),
  },
  { names: ['-4'], help: 'Prefer IPv4 where a name has both kinds of addresses.', apply: setFamily(4) },
  { names: ['-6'], help: 'Prefer IPv6 where a name has both kinds of addresses.', apply: setFamily(6) },
  { names: ['--tls'], help: 'Connect over TLS.', apply: ({ options }) => (options.tls = true) },
  {
    names: ['--sni'],
    value: 'host',
    help: 'Server name to send in the TLS handshake.',
    apply: ({ options }, value) => (options.tlsServerName = value),
  },
  {
    names: ['--cacert'],
    value: 'file',
    help: 'File with the CA certificates to trust.',
    apply: ({ options }, value) => (options.tlsCaFile = value),
  },
  {
    names: ['--cacertdir'],
    value: 'dir',
    help: 'Folder with CA certificates to trust. With neither of the two, the usual authorities are trusted.',
    apply: ({ options }, value) => (options.tlsCaFolder = value),
  },
  { names: ['--insecure'], help: 'Accept any certificate.', apply: ({ options }) => (options.tlsInsecure = true) },
  {
    names: ['--cert'],
    value: 'file',
    help: 'Client certificate.',
    apply: ({ options }, value) => (options.tlsCertFile = value),
  },
  {
    names: ['--key'],
    value: 'file',
    help: 'Private key of the client certificate.',
    apply: ({ options }, value) => (options.tlsKeyFile = value),
  },
  {
    names: ['--tls-ciphers'],
    value: 'list',
    help: 'Ciphers for TLS 1.2 and below, best first, separated by colons.',
    apply: ({ options }, value) => (options.tlsCiphers = value),
  },
  {
    names: ['--tls-ciphersuites'],
    value: 'list',
    help: 'Cipher suites for TLS 1.3, best first, separated by colons.',
    apply: ({ options }, value) => (options.tlsCipherSuites = value),
  },
  {
    names: ['--raw'],
    help: 'Print replies as they are (the default when standard output is no terminal).',
    apply: ({ options }) => (options.output = 'raw'),
  },
  {
    names: ['--no-raw'],
    help: 'Print replies with types and numbering, also to a pipe.',
    apply: ({ options }) => (options.output = 'standard'),
  },
  {
    names: ['--quoted-input'],
    help: 'Arguments of the command are quoted strings, which can hold any byte ("\\x00").',
    apply: ({ options }) => (options.quotedInput = true),
  },
  { names: ['--csv'], help: 'Print replies as CSV.', apply: ({ options }) => (options.output = 'csv') },
  { names: ['--json'], help: 'Print replies as JSON; speaks RESP3 unless -2 is given.', apply: setJson('json') },
  { names: ['--quoted-json'], help: 'As --json, with all bytes outside ASCII escaped.', apply: setJson('quoted-json') },
  {
    names: ['--show-pushes'],
    value: 'yn',
    help: 'Print RESP3 push messages or not (default: yes at a terminal).',
    apply({ options, warnings }, value) {
      if (/^n/i.test(value)) options.showPushes = false;
      else if (/^y/i.test(value)) options.showPushes = true;
      else warnings.push(`Unknown --show-pushes value '${value}' (valid: '[y]es', '[n]o')`);
    },
  },
  { names: ['--stat'], help: 'Print a line of figures about the server every second (-i).', apply: mode('stat') },
  {
    names: ['--latency'],
    help: 'Measure the round trip of PING: for ever at a terminal, else for one second (-i) and one line.',
    apply: mode('latency'),
  },
  {
    names: ['--latency-history'],
    help: 'As --latency, a new line every 15 seconds (-i).',
    apply({ options }) {
      options.modes.add('latency');
      options.latencyHistory = true;
    },
  },
  {
    names: ['--latency-dist'],
    help: 'The spread of latencies as coloured blocks, a line every second (-i).',
    apply: mode('latency-dist'),
  },
  { names: ['--mono'], help: 'Grey blocks for --latency-dist.', apply: ({ options }) => (options.monochrome = true) },
  {
    names: ['--lru-test'],
    value: 'keys',
    help: 'Load a cache with this many keys in an 80-20 pattern and print its hit rate.',
    apply({ options }, value) {
      options.modes.add('lru-test');
      options.lruTestKeys = readLeadingInteger(value);
    },
  },
  {
    names: ['--replica', '--slave'],
    help: 'Act as a replica and print the commands that the master sends.',
    apply: mode('replica'),
  },
  {
    names: ['--rdb'],
    value: 'file',
    help: "Fetch an RDB file from the server ('-': standard output).",
    apply: setRdb('rdb'),
  },
  {
    names: ['--functions-rdb'],
    value: 'file',
    help: 'As --rdb, with the functions only.',
    apply: setRdb('functions-rdb'),
  },
  { names: ['--pipe'], help: 'Send raw protocol from standard input to the server.', apply: mode('pipe') },
  {
    names: ['--pipe-timeout'],
    value: 'n',
    help: 'With --pipe: seconds to wait for the last replies when everything is sent (default 30, 0: for ever).',
    apply: ({ options }, value) => (options.pipeTimeoutSeconds = readLeadingInteger(value)),
  },
  { names: ['--bigkeys'], help: 'Look for the keys with most elements.', apply: mode('bigkeys') },
  { names: ['--memkeys'], help: 'Look for the keys that take most memory.', apply: mode('memkeys') },
  {
    names: ['--memkeys-samples', '--keystats-samples'],
    value: 'n',
    help: 'As --keystats, sampling this many elements of each key.',
    apply: samples,
  },
  { names: ['--keystats'], help: 'Sizes, lengths and their distribution over all keys.', apply: mode('keystats') },
  {
    names: ['--cursor'],
    value: 'n',
    help: 'With --keystats: go on from this cursor.',
    apply: ({ options }, value, name) => (options.cursor = readUnsigned(value, name)),
  },
  {
    names: ['--top'],
    value: 'n',
    help: 'With --keystats: how many of the largest keys to show (default 10).',
    apply: ({ options }, value, name) => (options.top = Number(readUnsigned(value, name))),
  },
  {
    names: ['--hotkeys'],
    help: 'Look for the keys in most frequent use; needs an LFU maxmemory-policy.',
    apply: mode('hotkeys'),
  },
  { names: ['--scan'], help: 'Print all keys.', apply: mode('scan') },
  {
    names: ['--pattern'],
    value: 'pat',
    help: 'With --scan, --bigkeys and the like: only keys that match.',
    apply: ({ options }, value) => (options.pattern = Buffer.from(value).toString('latin1')),
  },
  {
    names: ['--quoted-pattern'],
    value: 'pat',
    help: 'As --pattern, as a quoted string.',
    apply({ options }, value) {
      const pattern = unquote(Buffer.from(value).toString('latin1'));
      if (pattern === undefined) throw new Refusal('Invalid quoted string specified for --quoted-pattern.');
      options.pattern = pattern;
    },
  },
  {
    names: ['--count'],
    value: 'count',
    help: 'With --scan, --bigkeys and the like: COUNT of each SCAN (default 10).',
    apply: ({ options }, value) => (options.count = readLeadingInteger(value)),
  },
  {
    names: ['--type'],
    value: 'type',
    help: 'With --scan, --bigkeys and the like: only keys of this type.',
    apply: ({ options }, value) => (options.type = value),
  },
  {
    names: ['--intrinsic-latency'],
    value: 'sec',
    help: 'Measure for this many seconds how long this machine itself makes a process wait. Needs no server.',
    apply({ options }, value) {
      options.modes.add('intrinsic-latency');
      options.intrinsicLatencySeconds = readLeadingInteger(value);
    },
  },
  {
    names: ['--eval'],
    value: 'file',
    help: 'Run a Lua script: the words up to a lone comma are its keys, those after it its arguments.',
    apply: ({ options }, value) => (options.evalFile = value),
  },
  { names: ['--ldb'], help: 'With --eval: in the debugger.', apply: setDebugger('forked') },
  {
    names: ['--ldb-sync-mode'],
    help: 'With --eval: in the synchronous debugger, where the server waits and changes stay.',
    apply: setDebugger('sync'),
  },
  { names: ['--verbose'], help: 'Say more.', apply: ({ options }) => (options.verbose = true) },
  {
    names: ['--no-auth-warning'],
    help: 'No warning about a password on the command line.',
    apply: ({ options }) => (options.authWarning = false),
  },
  {
    names: ['--test_hint'],
    value: 'input',
    help: 'Print the hint for this input.',
    apply: ({ options }, value) => (options.testHint = value),
  },
  {
    names: ['--test_hint_file'],
    value: 'file',
    help: 'Check a file of inputs and hints.',
    apply: ({ options }, value) => (options.testHintFile = value),
  },
];

function setFamily(family: 4 | 6): OptionDeclaration['apply'] {
  return ({ options }) => {
    if (options.family !== undefined && options.family !== family)
      throw new Refusal('Options -4 and -6 are mutually exclusive.');
    options.family = family;
  };
}

function setJson(output: OutputFormat): OptionDeclaration['apply'] {
  return ({ options }) => {
    if (options.resp3 === 'off') options.resp3 = 'tried';
    options.output = output;
  };
}

function setRdb(name: 'rdb' | 'functions-rdb'): OptionDeclaration['apply'] {
  return ({ options }, value) => {
    options.modes.add(name);
    options.rdbFile = value;
  };
}

function setDebugger(kind: 'forked' | 'sync'): OptionDeclaration['apply'] {
  return ({ options }) => {
    options.debugger = kind === 'sync' || options.debugger === 'sync' ? 'sync' : 'forked';
    options.output = 'raw';
  };
}

/** Options of the cluster manager that take a value; the others are switches. */
const clusterValues = [
  'replicas',
  'master-id',
  'from',
  'to',
  'from-user',
  'from-pass',
  'slots',
  'timeout',
  'pipeline',
  'threshold',
  'balance-by',
  'join-timeout',
  'answer-timeout',
];
const clusterSwitches = [
  'only-masters',
  'only-replicas',
  'from-askpass',
  'yes',
  'simulate',
  'replace',
  'copy',
  'slave',
  'use-empty-masters',
  'search-multiple-owners',
  'fix-with-unreachable-masters',
  'dry-run',
];

function defaultOptions(terminal: boolean): CliOptions {
  return {
    host: '127.0.0.1',
    port: 6379,
    socketPath: undefined,
    connectTimeoutMs: 0,
    family: undefined,
    user: undefined,
    password: undefined,
    askPassword: false,
    authWarning: true,
    db: 0,
    repeat: 1,
    intervalMs: 0,
    resp3: 'off',
    resp2: false,
    stdinLast: false,
    stdinTag: undefined,
    elementDelimiter: '\n',
    replyDelimiter: '\n',
    clusterMode: false,
    errorStatus: false,
    quotedInput: false,
    output: terminal ? 'standard' : 'raw',
    showPushes: terminal,
    verbose: false,
    modes: new Set(),
    latencyHistory: false,
    monochrome: false,
    rdbFile: '',
    pipeTimeoutSeconds: 30,
    pattern: undefined,
    type: undefined,
    count: 10,
    memorySamples: undefined,
    cursor: 0n,
    top: 10,
    lruTestKeys: 0,
    intrinsicLatencySeconds: 0,
    evalFile: undefined,
    debugger: 'off',
    testHint: undefined,
    testHintFile: undefined,
    tls: false,
    tlsServerName: undefined,
    tlsCaFile: undefined,
    tlsCaFolder: undefined,
    tlsCertFile: undefined,
    tlsKeyFile: undefined,
    tlsCiphers: undefined,
    tlsCipherSuites: undefined,
    tlsInsecure: false,
    cluster: undefined,
  };
}

/** Reads the words after the program's name. `terminal`: standard output is one. */
export function parseCommandLine(words: readonly string[], terminal: boolean): ParsedCommandLine {
  const parsing: Parsing = { options: defaultOptions(terminal), warnings: [], clusterOptions: new Map() };
  const { options, warnings } = parsing;
  let index = 0;
  try {
    for (; index < words.length; index++) {
      const word = words[index]!;
      const last = index === words.length - 1;
      if (word === '--help' || (word === '-h' && last)) return { kind: 'help', status: 0 };
      if (word === '-v' || word === '--version') return { kind: 'version' };
      if (word === '--cluster') {
        if (last || options.cluster !== undefined) return { kind: 'help', status: 1 };
        const args = words.slice(index + 2);
        const end = args.findIndex((argument) => argument.startsWith('-'));
        if (end >= 0) args.length = end;
        options.cluster = { command: words[index + 1]!, args, options: parsing.clusterOptions };
        index += 1 + args.length;
        continue;
      }
      if (word === '--dry-run' && options.cluster !== undefined) {
        parsing.clusterOptions.set('dry-run', []);
        continue;
      }
      if (word.startsWith('--cluster-')) {
        const consumed = readClusterOption(parsing, words, index);
        if (consumed > 0) {
          index += consumed - 1;
          continue;
        }
      }
      const declaration = declarations.find(({ names }) => names.includes(word));
      if (declaration !== undefined && (declaration.value === undefined || !last)) {
        if (declaration.value !== undefined) index++;
        declaration.apply(parsing, words[index]!, word);
        continue;
      }
      if (options.cluster !== undefined && !word.startsWith('-')) {
        options.cluster.args.push(word);
        continue;
      }
      if (word.startsWith('-')) throw new Refusal(`Unrecognized option or bad number of args for: '${word}'`);
      break;
    }
    checkCombination(options);
    if (options.authWarning && options.password !== undefined) {
      warnings.push(
        "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.",
      );
    }
    checkModes(options);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { kind: 'refuse', message: [...warnings, error.message].join('\n') };
  }
  return { kind: 'run', options, command: words.slice(index), warnings };
}

/** How many words the cluster option at `index` takes; 0 when it is none. */
function readClusterOption({ clusterOptions }: Parsing, words: readonly string[], index: number): number {
  const name = words[index]!.slice('--cluster-'.length);
  if (clusterSwitches.includes(name)) {
    clusterOptions.set(name, []);
    return 1;
  }
  if (index + 1 >= words.length) return 0;
  if (clusterValues.includes(name)) {
    clusterOptions.set(name, [words[index + 1]!]);
    return 2;
  }
  if (name !== 'weight') return 0;
  const weights: string[] = [];
  while (words[index + 1 + weights.length]?.includes('=') === true) weights.push(words[index + 1 + weights.length]!);
  clusterOptions.set(name, weights);
  return 1 + weights.length;
}

function checkCombination(options: CliOptions): void {
  if (options.socketPath !== undefined && options.clusterMode)
    throw new Refusal('Options -c and -s are mutually exclusive.');
  if (options.resp2 && options.resp3 === 'asked') throw new Refusal('Options -2 and -3 are mutually exclusive.');
  if (options.debugger !== 'off' && options.evalFile === undefined) {
    throw new Refusal('Options --ldb and --ldb-sync-mode require --eval.\nTry kvasir-cli --help for more information.');
  }
}

function checkModes(options: CliOptions): void {
  if (options.modes.has('rdb') && options.modes.has('functions-rdb'))
    throw new Refusal('Option --functions-rdb and --rdb are mutually exclusive.');
  if (options.stdinLast && options.stdinTag !== undefined)
    throw new Refusal('Options -x and -X are mutually exclusive.');
}

const helpColumn = 26;
const helpWidth = 100;

/** The text of --help. */
export function usage(): string {
  const lines = [
    `kvasir-cli ${KVASIR_VERSION}`,
    '',
    'Usage: kvasir-cli [OPTIONS] [command [argument ...]]',
    '',
    'Without a command it reads commands from the terminal or from standard input.',
    '',
  ];
  for (const { names, value, help } of declarations) {
    if (names[0]!.startsWith('--test_hint')) continue;
    const left = `  ${names.join(', ')}${value === undefined ? '' : ` <${value}>`}`;
    const wrapped = wrap(help, helpWidth - helpColumn);
    if (left.length >= helpColumn) lines.push(left);
    else lines.push(left.padEnd(helpColumn) + wrapped.shift()!);
    for (const line of wrapped) lines.push(' '.repeat(helpColumn) + line);
  }
  lines.push(
    '  --cluster <command> ...',
    `${' '.repeat(helpColumn)}A command of the cluster manager, with its --cluster-... options;`,
    `${' '.repeat(helpColumn)}--cluster help names them.`,
    `${'  --help'.padEnd(helpColumn)}This text.`,
    `${'  -v, --version'.padEnd(helpColumn)}The version.`,
    '',
    'Examples:',
    '  kvasir-cli set greeting hello',
    '  kvasir-cli -u redis://user:secret@10.0.0.5:6379/2 get greeting',
    '  kvasir-cli -x set photo < photo.jpg',
    '  kvasir-cli --quoted-input set \'"with-a-\\x00-byte"\' value',
    '  kvasir-cli -r 100 -i 0.5 info stats',
    '  kvasir-cli --eval limit.lua rate:138 , 10 3',
    "  kvasir-cli --scan --pattern 'user:*' --type hash",
    '  kvasir-cli --pipe < appendonly.aof',
    '  kvasir-cli --rdb backup.rdb',
    '',
    'In the prompt, "help" tells about commands and preferences.',
    '',
  );
  return lines.join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
