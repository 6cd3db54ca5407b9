// address: the address of a server or sentinel: the host as it was named, its IP address, and the port.
//
// A name may not resolve at the moment: `ip` is then empty, or the last address that it resolved to. Two addresses are the same
// when the ports are equal and either the IP addresses or the names are, so that a name that stops resolving changes nothing.

import { ipVersion } from '../io/ip-address.js';

export interface Address {
  /** A name, or an IP address. */
  readonly host: string;
  /** Empty while nobody knows. */
  readonly ip: string;
  readonly port: number;
}

/** Looks host names up. */
export interface Names {
  /** The IP address that a name has, or had when it last resolved; empty when it never did. An IP address is its own. */
  ip(host: string): string;
}

/** For sentinels without `resolve-hostnames`: nothing but IP addresses. */
export const noNames: Names = { ip: (host) => (ipVersion(host) === 0 ? '' : host) };

const HOST_BYTES_MAX = 255;
const PORT_MAX = 65535;

/** Whether a host may stand in a config file, a hello message and an event. */
export function isHost(text: string): boolean {
  return text.length <= HOST_BYTES_MAX && /^[^\s,"'@\\\0-\x1f\x7f]+$/.test(text);
}

/** A port that can be connected to; 0 stands for one that is not known any more. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= PORT_MAX;
}

export function sameHost(address: Address, host: string, ip: string): boolean {
  return (address.ip !== '' && address.ip === ip) || address.host.toLowerCase() === host.toLowerCase();
}

export function sameAddress(first: Address, second: Address): boolean {
  return first.port === second.port && sameHost(first, second.host, second.ip);
}

/** `host:port`, the name of a replica. */
export function addressName(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
