// connect: the options that say where a server is and how to log in, alike in all tools.

import type { TlsOptions } from '../../client/open-stream.js';
import { parseAddress, type ServerAddress } from '../link/address.js';
import type { Options, OptionTable } from './options.js';

export const connectOptions = {
  user: { kind: 'text', value: 'NAME', help: 'ACL user; the default user without it.' },
  password: { kind: 'text', letter: 'a', value: 'PASSWORD', help: 'Password.', variable: 'REDISCLI_AUTH' },
  timeout: { kind: 'number', letter: 't', value: 'SECONDS', help: 'How long connecting may take.' },
  stall: { kind: 'number', value: 'SECONDS', help: 'Give up a server that is silent so long (default 300; 0: never).' },
  tls: { kind: 'flag', help: 'Connect by TLS; so does a rediss:// address.' },
  cacert: { kind: 'text', value: 'FILE', help: 'CA certificate to trust.' },
  cert: { kind: 'text', value: 'FILE', help: 'Client certificate.' },
  key: { kind: 'text', value: 'FILE', help: 'Private key of the client certificate.' },
  insecure: { kind: 'flag', help: 'Accept any certificate.' },
} as const satisfies OptionTable;

export const progressOptions = {
  json: { kind: 'flag', help: 'Print the summary (and progress) as JSON.' },
  quiet: { kind: 'flag', letter: 'q', help: 'Show no progress and no summary.' },
  progress: { kind: 'flag', help: 'Show progress also where the error output is no terminal.' },
} as const satisfies OptionTable;

export function progressMode(options: Options): { quiet: boolean; always: boolean; json: boolean } {
  return { quiet: options.flag('quiet'), always: options.flag('progress'), json: options.flag('json') };
}

const STALL_SECONDS = 300;

/** How long a server that owes something may be silent; 0: as long as it likes. */
export function stallMsOf(options: Options): number {
  return (options.number('stall') ?? STALL_SECONDS) * 1000;
}

export function addressOf(text: string, options: Options): ServerAddress {
  const tls: TlsOptions = {
    caFile: options.text('cacert'),
    certFile: options.text('cert'),
    keyFile: options.text('key'),
    insecure: options.flag('insecure'),
  };
  const hasTls = options.flag('tls') || ['cacert', 'cert', 'key', 'insecure'].some((name) => options.has(name));
  const address = parseAddress(text, {
    user: options.text('user'),
    password: options.text('password'),
    tls: hasTls ? tls : undefined,
    timeoutMs: (options.number('timeout') ?? 0) * 1000,
  });
  return { ...address, replyMs: stallMsOf(options) };
}
