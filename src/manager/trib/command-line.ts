// command-line: the words of redis-trib.rb, which come as `command options arguments`, with options like `--name value`.
//
// Beyond redis-trib, which knows neither passwords nor TLS: --user, --password, --tls and its files, --dry-run, --json.
/** Commands with their options; an option without a value has an empty text. */
const tribCommands: Readonly<
  Record<string, { words: string; arity: number; options: Readonly<Record<string, string>> }>
> = {
  create: { words: 'host1:port1 ... hostN:portN', arity: -2, options: { replicas: '<arg>' } },
  check: { words: 'host:port', arity: 1, options: {} },
  info: { words: 'host:port', arity: 1, options: {} },
  fix: { words: 'host:port', arity: 1, options: { timeout: '<arg>' } },
  reshard: {
    words: 'host:port',
    arity: 1,
    options: { from: '<arg>', to: '<arg>', slots: '<arg>', yes: '', timeout: '<arg>', pipeline: '<arg>' },
  },
  rebalance: {
    words: 'host:port',
    arity: 1,
    options: {
      weight: '<arg>',
      'auto-weights': '',
      'use-empty-masters': '',
      timeout: '<arg>',
      simulate: '',
      pipeline: '<arg>',
      threshold: '<arg>',
    },
  },
  'add-node': {
    words: 'new_host:new_port existing_host:existing_port',
    arity: 2,
    options: { slave: '', 'master-id': '<arg>' },
  },
  'del-node': { words: 'host:port node_id', arity: 2, options: {} },
  'set-timeout': { words: 'host:port milliseconds', arity: 2, options: {} },
  call: { words: 'host:port command arg arg .. arg', arity: -2, options: {} },
  import: { words: 'host:port', arity: 1, options: { from: '<arg>', copy: '', replace: '' } },
  help: { words: '(show this help)', arity: 0, options: {} },
};

/** Options that all commands take. */
const commonOptions: Readonly<Record<string, string>> = {
  verbose: '',
  'dry-run': '',
  json: '',
  'join-timeout': '<seconds>',
  'answer-timeout': '<seconds>',
  'balance-by': '<slots, keys, memory or load>',
  user: '<name>',
  password: '<password>',
  tls: '',
  cacert: '<file>',
  cert: '<file>',
  key: '<file>',
  insecure: '',
};

export type TribCommandLine =
  | {
      readonly kind: 'run';
      readonly command: string;
      readonly words: string[];
      readonly options: Map<string, string[]>;
    }
  | { readonly kind: 'help'; readonly text: string; readonly status: number }
  | { readonly kind: 'refuse'; readonly text: string };

export function parseTribCommandLine(args: readonly string[]): TribCommandLine {
  const [command] = args;
  if (command === undefined || command === 'help' || command === '--help' || command === '-h')
    return { kind: 'help', text: tribHelp(), status: command === undefined ? 1 : 0 };
  const entry = Object.hasOwn(tribCommands, command) ? tribCommands[command] : undefined;
  if (entry === undefined) return { kind: 'refuse', text: `Unknown redis-trib subcommand '${command}'` };
  const options = new Map<string, string[]>();
  let index = 1;
  for (; args[index]?.startsWith('--') === true; index++) {
    const name = args[index]!.slice(2);
    const value = entry.options[name] ?? commonOptions[name];
    if (value === undefined) return { kind: 'refuse', text: `Unknown option '${name}' for command '${command}'` };
    if (value === '') {
      options.set(name, []);
      continue;
    }
    index++;
    if (args[index] === undefined) return { kind: 'refuse', text: `Option '--${name}' needs a value` };
    options.set(name, [...(name === 'weight' ? (options.get(name) ?? []) : []), args[index]!]);
  }
  if (command === 'import' && !options.has('from'))
    return { kind: 'refuse', text: "Option '--from' is required for subcommand 'import'" };
  const words = args.slice(index);
  // Old guides have check with a stray number before the address.
  if (command === 'check' && words.length === 2 && /^\d+$/.test(words[0]!)) words.shift();
  const { arity } = entry;
  if ((arity > 0 && words.length !== arity) || (arity < 0 && words.length < -arity))
    return { kind: 'refuse', text: '[ERR] Wrong number of arguments for specified sub command' };
  return { kind: 'run', command, words, options };
}

/** An address that no node can have: redis-trib looks at them before anything else. */
export function findBadAddress(command: string, words: readonly string[]): string | undefined {
  const addresses = command === 'create' || command === 'add-node' ? words : words.slice(0, 1);
  return addresses.find((word) => !/^.+:\d+(@\d+)?$/.test(word));
}

const nameWidth = 15;

function tribHelp(): string {
  const lines = ['Usage: redis-trib <command> <options> <arguments ...>', ''];
  for (const [name, { words, options }] of Object.entries(tribCommands)) {
    lines.push(`  ${name.padEnd(nameWidth)} ${words}`);
    for (const [option, value] of Object.entries(options))
      lines.push(`${' '.repeat(nameWidth + 3)}--${option}${value === '' ? '' : ` ${value}`}`);
  }
  lines.push(
    '',
    'For check, fix, reshard, del-node, set-timeout you can specify the host and port of any working node in the cluster.',
    '',
    'Beyond redis-trib, for all commands:',
  );
  for (const [option, value] of Object.entries(commonOptions))
    lines.push(`${' '.repeat(nameWidth + 3)}--${option}${value === '' ? '' : ` ${value}`}`);
  return `${lines.join('\n')}\n`;
}
