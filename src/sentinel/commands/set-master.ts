// set-master: SENTINEL SET: options are applied one by one, and those before a wrong one stay.

import { setDownAfter } from '../config-reader.js';
import type { Master } from '../instance.js';
import { parseVirtualAddress } from '../virtual-address.js';
import { masterArgument, saveAndReply, type SentinelCall } from './host.js';

const scriptsDenied =
  'ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig configuration directive in your Sentinel configuration';

interface Change {
  readonly master: Master;
  readonly call: SentinelCall;
  readonly values: readonly string[];
}

/** The outcome for an option: undefined when it is set, else the error reply; true stands for the common one. */
type Assigned = string | true | undefined;

function positive(value: string, assign: (number: number) => void): Assigned {
  if (!/^[+-]?\d{1,15}$/.test(value) || Number(value) <= 0) return true;
  assign(Number(value));
  return undefined;
}

function script(change: Change, what: string, assign: (path: string) => void): Assigned {
  const { host } = change.call;
  if (host.state.settings.denyScriptsReconfig) return scriptsDenied;
  const path = change.values[0]!;
  if (path !== '' && !host.isExecutable(path)) return `ERR ${what} script seems non existing or non executable`;
  assign(path);
  return undefined;
}

const options: Readonly<Record<string, (change: Change) => Assigned>> = {
  'down-after-milliseconds': ({ master, values }) => positive(values[0]!, (ms) => setDownAfter(master, ms)),
  'failover-timeout': ({ master, values }) => positive(values[0]!, (ms) => (master.failoverTimeoutMs = ms)),
  'parallel-syncs': ({ master, values }) => positive(values[0]!, (count) => (master.parallelSyncs = count)),
  quorum: ({ master, values }) => positive(values[0]!, (count) => (master.quorum = count)),
  'notification-script': (change) =>
    script(change, 'Notification', (path) => (change.master.notificationScript = path)),
  'client-reconfig-script': (change) =>
    script(change, 'Client reconfiguration', (path) => (change.master.clientReconfigScript = path)),
  'auth-pass': ({ master, values }) => {
    master.authPass = values[0]!;
    return undefined;
  },
  'auth-user': ({ master, values }) => {
    master.authUser = values[0]!;
    return undefined;
  },
  'rename-command': ({ master, values: [from, to] }) => {
    if (from === '' || to === '') return true;
    // Renaming to the same name takes the renaming away.
    master.renamed.delete(from!.toLowerCase());
    if (from!.toLowerCase() !== to!.toLowerCase()) master.renamed.set(from!.toLowerCase(), to!);
    return undefined;
  },
  'master-reboot-down-after-period': ({ master, values }) => {
    if (!/^\d{1,15}$/.test(values[0]!)) return true;
    master.rebootDownAfterMs = Number(values[0]!);
    return undefined;
  },
  'stale-after': ({ master, values }) => {
    if (!/^\d{1,15}$/.test(values[0]!)) return true;
    master.staleAfterMs = Number(values[0]!);
    return undefined;
  },
  vip: ({ master, call, values: [address, networkInterface] }) => {
    if (call.host.state.settings.denyScriptsReconfig) return scriptsDenied;
    if (address === '' && networkInterface === '') master.virtualAddress = undefined;
    else {
      const virtual = parseVirtualAddress(address!, networkInterface!);
      if (typeof virtual === 'string') return `ERR ${virtual}`;
      master.virtualAddress = virtual;
    }
    return undefined;
  },
};

export function setMaster(call: SentinelCall): void {
  const master = masterArgument(call, 2);
  if (master === undefined) return;
  const { state } = call.host;
  const authBefore = `${master.authUser}\n${master.authPass}`;
  let changes = 0;
  let error: string | undefined;
  for (let index = 3; index < call.count && error === undefined;) {
    const name = call.text(index);
    const option = name.toLowerCase();
    const count = option === 'rename-command' || option === 'vip' ? 2 : 1;
    const set = options[option];
    if (set === undefined || index + count >= call.count) {
      error = `ERR Unknown option or number of arguments for SENTINEL SET '${call.shown(index)}'`;
      break;
    }
    const values = Array.from({ length: count }, (_, at) => call.text(index + 1 + at));
    const isUnsafe = values.some((value) => /[\0\r\n]/.test(value));
    const assigned = isUnsafe ? true : set({ master, call, values });
    if (assigned !== undefined) {
      error =
        assigned === true
          ? `ERR Invalid argument '${values.find((value) => value !== '') ?? ''}' for SENTINEL SET '${name}'`
          : assigned;
      break;
    }
    changes++;
    const shown = option === 'auth-pass' ? '******' : values.join(' ');
    state.event('warning', '+set', master, ` ${option} ${shown}`);
    index += 1 + count;
  }
  // Connections that were opened with the old credentials are opened anew.
  if (`${master.authUser}\n${master.authPass}` !== authBefore)
    for (const instance of master.instances()) if (instance.kind !== 'sentinel') state.closeLink(instance.link);
  if (error === undefined) saveAndReply(call);
  else {
    if (changes > 0) state.save();
    call.reply.error(error);
  }
}
