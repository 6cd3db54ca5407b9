// admin-program: kvasir-admin's command line.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { KVASIR_VERSION } from '../base/version.js';
import { systemEnvironment } from '../io/environment.js';
import { parseAddress } from '../transfer/link/address.js';
import { addressOf, connectOptions } from '../transfer/program/connect.js';
import { type Options, type OptionTable, UsageError } from '../transfer/program/options.js';
import type { Interrupt, ProgramSpec } from '../transfer/program/program.js';
import { TransferError } from '../transfer/record/record.js';
import { roles, type Role } from './access/roles.js';
import { type Admin, startAdmin } from './admin.js';
import type { ServerFields } from './store/servers.js';

const defaultPort = 8001;

const options = {
  port: { kind: 'integer', letter: 'p', value: 'PORT', help: `Port of the page (default ${defaultPort}).` },
  host: { kind: 'text', value: 'ADDRESS', help: 'Address to listen on (default 127.0.0.1; 0.0.0.0 for all).' },
  'host-name': { kind: 'list', value: 'NAME', help: 'Names of this machine under which browsers ask for the page.' },
  data: {
    kind: 'text',
    value: 'FOLDER',
    help: 'Users, servers, audit log (default ~/.config/kvasir-admin).',
    variable: 'KVASIR_ADMIN_DATA',
  },
  server: {
    kind: 'list',
    letter: 's',
    value: 'ADDRESS',
    help: 'Servers for the list: [name=]host:port, commas between.',
  },
  'page-tls-cert': { kind: 'text', value: 'FILE', help: 'Certificate of the page; loaded again when it changes.' },
  'page-tls-key': { kind: 'text', value: 'FILE', help: 'Its private key.' },
  'read-only': { kind: 'flag', help: 'Refuse every change of a server.' },
  'no-history': { kind: 'flag', help: 'Sample no servers: no history, no alerts.' },
  'history-redis': {
    kind: 'text',
    value: 'URI',
    help: 'Keep the history in this Redis instead of files: host:port or redis://user:password@host:port/db.',
    variable: 'KVASIR_ADMIN_HISTORY',
  },
  'metrics-port': {
    kind: 'integer',
    value: 'PORT',
    help: 'Serve /metrics of all servers for Prometheus here, on 127.0.0.1.',
  },
  'acl-login': { kind: 'text', value: 'ROLE', help: 'Let ACL users of a server log in, with this role.' },
  ...connectOptions,
} as const satisfies OptionTable;

/** `pageFolder`: where the built page is. */
export function adminProgram(pageFolder: string): ProgramSpec {
  return {
    name: 'kvasir-admin',
    version: `kvasir-admin ${KVASIR_VERSION}`,
    usage: `Usage: kvasir-admin [options]

Serves a web page to look after servers. The first start prints a link that makes the first user.`,
    options,
    after: `The password of --server is that of --password or REDISCLI_AUTH. KVASIR_ADMIN_KEY is a passphrase for stored passwords, in the
place of the key file. See docs/admin.md.`,
    run: (words, interrupt) => run(words, interrupt, pageFolder),
  };
}

async function run(words: Options, interrupt: Interrupt, pageFolder: string): Promise<number> {
  if (words.words.length > 0) throw new UsageError(`unexpected word '${words.words[0]!}'`);
  const role = words.text('acl-login');
  if (role !== undefined && !roles.includes(role as Role))
    throw new UsageError(`--acl-login is one of ${roles.join(', ')}`);
  const certFile = words.text('page-tls-cert');
  const keyFile = words.text('page-tls-key');
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new UsageError('--page-tls-cert and --page-tls-key go together');
  const host = words.text('host') ?? '127.0.0.1';
  const historyRedis = words.text('history-redis');
  if (historyRedis !== undefined && words.flag('no-history'))
    throw new UsageError('--history-redis and --no-history exclude each other');
  const log = (text: string): void => void process.stderr.write(`kvasir-admin: ${text}\n`);
  let admin: Admin;
  try {
    admin = await startAdmin({
      environment: systemEnvironment,
      host,
      port: words.number('port') ?? defaultPort,
      dataFolder: words.text('data') ?? defaultFolder(),
      pageFolder,
      passphrase: process.env.KVASIR_ADMIN_KEY,
      tls: certFile === undefined ? undefined : { certFile, keyFile: keyFile! },
      hostNames: words.list('host-name'),
      isReadOnly: words.flag('read-only'),
      keepsHistory: !words.flag('no-history'),
      historyRedis: historyRedis === undefined ? undefined : parseAddress(historyRedis),
      metricsPort: words.number('metrics-port'),
      aclRole: role as Role | undefined,
      servers: words.list('server').map((text) => givenServer(text, words)),
      log,
    });
  } catch (error) {
    throw error instanceof TransferError ? error : new TransferError((error as Error).message);
  }
  const isLocal = /^(127\.|localhost$|::1$)/.test(host);
  if (!isLocal && certFile === undefined)
    log('passwords travel in the clear: give --page-tls-cert, or put a proxy with TLS in front');
  process.stdout.write(`kvasir-admin listens on ${admin.url}\n`);
  if (admin.setupUrl !== undefined)
    process.stdout.write(`Make the first user (the link works once): ${admin.setupUrl}\n`);
  // Beside a server that started it, it ends with the server.
  if (process.send !== undefined) process.on('disconnect', () => interrupt.ask());
  await new Promise<void>((resolve) => interrupt.onAsk(resolve));
  await admin.close();
  return 0;
}

function givenServer(text: string, words: Options): { fields: ServerFields; password: string | undefined } {
  const equals = text.indexOf('=');
  const address = equals < 0 ? text : text.slice(equals + 1);
  const { endpoint, user, password, name } = addressOf(address, words);
  const node = endpoint.path ?? name;
  return {
    fields: { name: equals < 0 ? node : text.slice(0, equals), nodes: [node], user, tls: endpoint.tls, separator: ':' },
    password,
  };
}

function defaultFolder(): string {
  const base = process.platform === 'win32' ? process.env.APPDATA : process.env.XDG_CONFIG_HOME;
  return join(base ?? join(homedir(), '.config'), 'kvasir-admin');
}
