// config-words: what the page says of a directive: its meaning, default and choices, by the table of our own server.
//
// The table has Redis's names and defaults. Valkey has other defaults for some, and directives of its own.
import type { Option } from '../../registry/option.js';
import { Config } from '../../service/config/config.js';
import { options } from '../../service/config/options.js';
import type { About } from '../link/server-link.js';

export interface Described {
  readonly help: string;
  /** Undefined where it follows from how the server was started. */
  readonly initial: string | undefined;
  readonly isImmutable: boolean;
  readonly choices: readonly string[] | undefined;
}

const flagChoices = ['yes', 'no'];

let ours: Map<string, Described> | undefined;

function ownWords(): Map<string, Described> {
  if (ours !== undefined) return ours;
  ours = new Map();
  const initial = new Config('/').get(['*']);
  for (const option of options as readonly Option[]) {
    const choices = option.kind === 'choice' ? option.choices : option.kind === 'flag' ? flagChoices : undefined;
    const described = {
      help: option.summary,
      initial: option.name === 'dir' ? undefined : initial.get(option.name),
      isImmutable: option.immutable === true,
      choices,
    };
    ours.set(option.name, described);
    if (option.alias !== undefined)
      ours.set(option.alias, { ...described, help: `Another name of ${option.name}. ${described.help}` });
  }
  return ours;
}

/** Valkey 8. */
const valkeyDefaults = {
  'hide-user-data-from-log': 'yes',
  'io-threads-do-reads': 'yes',
  'lazyfree-lazy-eviction': 'yes',
  'lazyfree-lazy-expire': 'yes',
  'lazyfree-lazy-server-del': 'yes',
  'lazyfree-lazy-user-del': 'yes',
  'lazyfree-lazy-user-flush': 'yes',
  'repl-backlog-size': '10485760',
  'replica-lazy-flush': 'yes',
  'slave-lazy-flush': 'yes',
  'syslog-ident': 'valkey',
};
const valkeyOnly: Readonly<Record<string, Partial<Described> & { readonly help: string }>> = {
  'availability-zone': { help: 'Name of the zone that the server is in, told to clients.', initial: '' },
  'cluster-announce-client-ipv4': { help: 'IPv4 address that clients are told for this node.', initial: '' },
  'cluster-announce-client-ipv6': { help: 'IPv6 address that clients are told for this node.', initial: '' },
  'cluster-blacklist-ttl': { help: 'Seconds in which a forgotten node is not taken up again.', initial: '60' },
  'dual-channel-replication-enabled': {
    help: 'Send the data of a full sync over a connection of its own.',
    initial: 'no',
    choices: flagChoices,
  },
  'events-per-io-thread': { help: 'Events that are worth one more I/O thread.', initial: '2' },
  'extended-redis-compatibility': {
    help: 'Say Redis instead of Valkey where old clients look for the name.',
    initial: 'no',
    choices: flagChoices,
  },
  'prefetch-batch-max-size': { help: 'Keys of waiting commands that are fetched from memory together.', initial: '16' },
  primaryauth: { help: 'Another name of masterauth. Password at the master.', initial: '' },
  primaryuser: { help: 'Another name of masteruser. User name at the master.', initial: '' },
};

let valkey: Map<string, Described> | undefined;

function valkeyWords(): Map<string, Described> {
  if (valkey !== undefined) return valkey;
  valkey = new Map(ownWords());
  for (const [name, initial] of Object.entries(valkeyDefaults)) valkey.set(name, { ...valkey.get(name)!, initial });
  for (const [name, words] of Object.entries(valkeyOnly))
    valkey.set(name, { initial: undefined, isImmutable: false, choices: undefined, ...words });
  return valkey;
}

export function configWords(product: About['product']): ReadonlyMap<string, Described> {
  return product === 'valkey' ? valkeyWords() : ownWords();
}
