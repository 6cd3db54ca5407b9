// info-reply: the lines of INFO that matter to a sentinel.
//
// The text may come from anything that listens at the address: a value that is no number, no port or no host is left
// out, and nothing is believed that could break the config file.

import { isHost, isPort } from './address.js';

export interface InfoReply {
  readonly runId: string | undefined;
  readonly role: 'master' | 'slave' | undefined;
  readonly replicas: readonly { readonly host: string; readonly port: number }[];
  readonly masterLinkDownSeconds: number | undefined;
  readonly masterHost: string | undefined;
  readonly masterPort: number | undefined;
  readonly masterLinkIsUp: boolean | undefined;
  readonly priority: number | undefined;
  readonly offset: number | undefined;
  readonly isAnnounced: boolean | undefined;
}

/** Longer replies are cut: the fields that matter stand in the first sections. */
const INFO_BYTES_MAX = 1 << 20;

export function parseInfo(text: string): InfoReply {
  const fields = new Map<string, string>();
  const replicas: { host: string; port: number }[] = [];
  for (const line of text.slice(0, INFO_BYTES_MAX).split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1);
    if (/^slave\d+$/.test(name)) {
      const replica = parseReplica(value);
      if (replica !== undefined) replicas.push(replica);
    } else if (!fields.has(name)) fields.set(name, value);
  }
  const role = fields.get('role');
  const masterHost = fields.get('master_host');
  const link = fields.get('master_link_status');
  const runId = fields.get('run_id');
  return {
    runId: runId !== undefined && /^[0-9a-zA-Z]{40}$/.test(runId) ? runId : undefined,
    role: role === 'master' || role === 'slave' ? role : undefined,
    replicas,
    masterLinkDownSeconds: numberOf(fields.get('master_link_down_since_seconds')),
    masterHost: masterHost !== undefined && isHost(masterHost) ? masterHost : undefined,
    masterPort: portOf(fields.get('master_port')),
    masterLinkIsUp: link === undefined ? undefined : link === 'up',
    priority: numberOf(fields.get('slave_priority')),
    offset: numberOf(fields.get('slave_repl_offset')),
    isAnnounced: fields.get('replica_announced') === undefined ? undefined : fields.get('replica_announced') !== '0',
  };
}

/** `ip=1.2.3.4,port=6380,state=...`, or as before 2.8 `1.2.3.4,6380,online`. */
function parseReplica(value: string): { host: string; port: number } | undefined {
  const named = /^(?:.*,)?ip=([^,]*),port=(\d{1,5})(?:,|$)/.exec(value);
  const [, host, port] = named ?? /^([^,=]+),(\d{1,5})(?:,|$)/.exec(value) ?? [];
  if (host === undefined || !isHost(host)) return undefined;
  const number = portOf(port);
  return number === undefined || number === 0 ? undefined : { host, port: number };
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,15}$/.test(text)) return undefined;
  return Number(text);
}

function portOf(text: string | undefined): number | undefined {
  const number = numberOf(text);
  return number !== undefined && isPort(number) ? number : undefined;
}
