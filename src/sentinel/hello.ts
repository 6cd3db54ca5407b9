// hello: the message by which sentinels find each other and agree on the master's address:
//
//   sentinel ip,sentinel port,sentinel run id,current epoch,master name,master ip,master port,master's configuration epoch
//
// The greatest configuration epoch wins. Anybody who may publish on a watched server can send one, so a message that is not
// exactly of this form is left out.

import { isHost, isPort, sameAddress } from './address.js';
import { changeMaster, reportSwitch } from './change-master.js';
import { isBelievable, isEpoch, raiseEpoch } from './election.js';
import type { Master, Peer } from './instance.js';
import { isElsewhere } from './ownership.js';
import { runReconfigScript } from './reconfig-script.js';
import type { SentinelState } from './state.js';

export interface Hello {
  readonly host: string;
  readonly port: number;
  readonly runId: string;
  readonly currentEpoch: number;
  readonly masterName: string;
  readonly masterHost: string;
  readonly masterPort: number;
  readonly configEpoch: number;
}

const HELLO_BYTES_MAX = 2048;

export function parseHello(text: string): Hello | undefined {
  if (text.length > HELLO_BYTES_MAX) return undefined;
  const parts = text.split(',');
  if (parts.length !== 8) return undefined;
  const [host, port, runId, currentEpoch, masterName, masterHost, masterPort, configEpoch] = parts as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (!isHost(host) || !isHost(masterHost) || !/^[0-9a-zA-Z]{40}$/.test(runId)) return undefined;
  if (![port, currentEpoch, masterPort, configEpoch].every((number) => /^\d{1,16}$/.test(number))) return undefined;
  const hello = {
    host,
    port: Number(port),
    runId,
    currentEpoch: Number(currentEpoch),
    masterName,
    masterHost,
    masterPort: Number(masterPort),
    configEpoch: Number(configEpoch),
  };
  if (!isPort(hello.port) || !isPort(hello.masterPort) || hello.port === 0 || hello.masterPort === 0) return undefined;
  // A configuration is made in an epoch that its maker has reached.
  const isTrue = isEpoch(hello.currentEpoch) && hello.configEpoch <= hello.currentEpoch;
  return isTrue ? hello : undefined;
}

/** Takes a hello message that came over the pub/sub of a server of `about`, or by PUBLISH from the sentinel itself. */
export function takeHello(state: SentinelState, text: string, about?: Master): void {
  const hello = parseHello(text);
  if (hello === undefined || hello.runId === state.myId) return;
  const master = state.master(hello.masterName);
  if (about !== undefined && about !== master) return;
  if (master === undefined || !isBelievable(state, hello.currentEpoch)) return;
  const peer = meet(state, master, hello);
  raiseEpoch(state, hello.currentEpoch, master);
  if (peer === undefined) return;
  peer.lastHelloMs = state.nowMs;
  if (master.configEpoch >= hello.configEpoch) return;
  const to = state.addressOf(hello.masterHost, hello.masterPort);
  if (to === undefined) return;
  const isSame = sameAddress(master.address, to);
  if (!isSame && isElsewhere(state, master, to)) return;
  master.configEpoch = hello.configEpoch;
  if (isSame) return;
  state.event('warning', '+config-update-from', peer);
  reportSwitch(state, master, to);
  const from = master.address;
  changeMaster(state, master, to);
  runReconfigScript(state, master, 'observer', from, to);
}

/** The sentinel that speaks: known, moved, or new. */
function meet(state: SentinelState, master: Master, hello: Hello): Peer | undefined {
  const address = state.addressOf(hello.host, hello.port);
  const known = master.peers.get(hello.runId);
  if (address === undefined) return known;
  if (known !== undefined && sameAddress(known.address, address)) return known;
  if (known !== undefined) {
    // Kept for its votes: it is the same sentinel, which has another address now.
    state.event(
      'notice',
      '+sentinel-address-switch',
      master,
      ` ip ${hello.host} port ${hello.port} for ${hello.runId}`,
    );
    state.removePeer(known);
  } else {
    for (const other of master.peers.values()) if (sameAddress(other.address, address)) invalidate(state, other);
  }
  const peer = state.addPeer(master, hello.runId, address);
  if (peer === undefined) return undefined;
  if (known === undefined) state.event('notice', '+sentinel', peer);
  else updateElsewhere(state, peer);
  state.saveSoon();
  return peer;
}

/** Somebody else has this sentinel's address now: it is not connected to until it says where it is. */
function invalidate(state: SentinelState, stale: Peer): void {
  state.event('notice', '+sentinel-invalid-addr', stale);
  for (const master of state.masters.values()) {
    const same = master.peers.get(stale.runId);
    if (same === undefined) continue;
    same.address = { ...same.address, port: 0 };
    state.renewLink(same);
  }
}

/** The other masters' entries of a sentinel that moved. */
function updateElsewhere(state: SentinelState, moved: Peer): void {
  let updated = 0;
  for (const master of state.masters.values()) {
    const same = master.peers.get(moved.runId);
    if (same === undefined || same === moved) continue;
    state.renewLink(same);
    same.address = moved.address;
    state.shareLink(same);
    updated++;
  }
  if (updated > 0)
    state.event('notice', '+sentinel-address-update', moved, ` ${updated} additional matching instances`);
}
