// virtual-address: an IP address that clients use and that follows the master from host to host.
//
// The sentinel on the master's host adds the address to a network interface and tells the neighbours (gratuitous ARP); the others
// take it away. It is the work of the script in Redis's documents, without a script:
//
//   ip addr add ADDRESS/MASK dev INTERFACE   then  arping -U -c 3 -I INTERFACE ADDRESS
//   ip addr del ADDRESS/MASK dev INTERFACE
//
// A sentinel that begins takes the address away at once where it is wrong, but adds it only after it has seen the master be
// one for a while: its config file may be old, and two hosts with one address are worse than none.

import type { LogLevel } from '../base/log-level.js';
import { ipVersion } from '../io/ip-address.js';
import type { Master, VirtualAddress } from './instance.js';
import type { SentinelState } from './state.js';

/** The reason as text when the words are wrong. */
export function parseVirtualAddress(word: string, networkInterface: string): VirtualAddress | string {
  const [address, mask, ...rest] = word.split('/');
  const version = ipVersion(address!);
  if (version === 0 || rest.length > 0) return 'vip takes <name> <address>/<mask> <interface>: the address is wrong.';
  const maskBits = mask === undefined ? (version === 4 ? 32 : 128) : /^\d{1,3}$/.test(mask) ? Number(mask) : -1;
  if (maskBits < 0 || maskBits > (version === 4 ? 32 : 128))
    return 'vip takes <name> <address>/<mask> <interface>: the mask is wrong.';
  if (!/^[A-Za-z0-9][\w.:@-]{0,14}$/.test(networkInterface))
    return 'vip takes <name> <address>/<mask> <interface>: the interface is wrong.';
  return { address: address!, maskBits, networkInterface };
}

/** The machine as moving an address needs it. */
export interface AddressHost {
  /** IP addresses of this host's interfaces. */
  addresses(): readonly string[];
  /** Runs a program to its end; the text that it wrote when it failed, else undefined. */
  run(program: string, args: readonly string[]): Promise<string | undefined>;
}

/** How long the master must have been one, as this sentinel sees it, before the address is added without a failover. */
const SETTLED_MS = 6000;
const RETRY_MS = 5000;

interface Progress {
  isRunning: boolean;
  triedMs: number;
  /** This sentinel saw the master move there. */
  isSure: boolean;
}

export class VirtualAddresses {
  private readonly progress = new Map<Master, Progress>();

  constructor(
    private readonly state: SentinelState,
    private readonly host: AddressHost,
    private readonly log: (level: LogLevel, text: string) => void,
  ) {}

  masterMoved(master: Master): void {
    if (master.virtualAddress === undefined) return;
    const progress = this.progressOf(master);
    progress.isSure = true;
    progress.triedMs = 0;
  }

  /** To be called about once a second. */
  tick(): void {
    for (const master of this.state.masters.values()) if (master.virtualAddress !== undefined) this.check(master);
    for (const master of this.progress.keys()) if (!this.state.masters.has(master.name)) this.progress.delete(master);
  }

  private progressOf(master: Master): Progress {
    let progress = this.progress.get(master);
    if (progress === undefined) this.progress.set(master, (progress = { isRunning: false, triedMs: 0, isSure: false }));
    return progress;
  }

  private check(master: Master): void {
    const virtual = master.virtualAddress!;
    const progress = this.progressOf(master);
    const { nowMs } = this.state;
    if (progress.isRunning || nowMs - progress.triedMs < RETRY_MS) return;
    const addresses = this.host.addresses();
    const isHere = addresses.includes(master.currentAddress.ip);
    const isSet = addresses.includes(virtual.address);
    if (isHere === isSet) return;
    if (isHere && !progress.isSure && !this.isSettled(master)) return;
    progress.isRunning = true;
    progress.triedMs = nowMs;
    void this.move(master.name, virtual, isHere).finally(() => (progress.isRunning = false));
  }

  private isSettled(master: Master): boolean {
    const { nowMs } = this.state;
    const isWell = !master.isDown && master.infoRefreshMs !== 0 && master.roleReported === 'master';
    return (
      isWell && nowMs - master.link.commandsSinceMs > SETTLED_MS && nowMs - master.roleReportedSinceMs > SETTLED_MS
    );
  }

  private async move(name: string, virtual: VirtualAddress, here: boolean): Promise<void> {
    const { address, maskBits, networkInterface } = virtual;
    const what = `${name}: virtual address ${address}/${maskBits} on ${networkInterface}`;
    const verb = here ? 'add' : 'del';
    const failure = await this.host.run('ip', ['addr', verb, `${address}/${maskBits}`, 'dev', networkInterface]);
    if (failure !== undefined) {
      this.log('warning', `${what}: 'ip addr ${verb}' failed: ${failure}. It is tried again in ${RETRY_MS / 1000} s`);
      return;
    }
    this.log('warning', `${what} ${here ? 'is here now' : 'is given up'}`);
    if (!here || ipVersion(address) !== 4) return;
    const silence = await this.host.run('arping', ['-U', '-c', '3', '-I', networkInterface, address]);
    if (silence !== undefined)
      this.log('warning', `${what}: neighbours learn of it late, because 'arping' failed: ${silence}`);
  }
}
