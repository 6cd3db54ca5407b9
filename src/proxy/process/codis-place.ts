// codis-place: the place where a codis program runs, as its model reports it.
import { hostname, networkInterfaces, platform, release } from 'node:os';
import { systemEnvironment } from '../../io/environment.js';

export function hardware(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ mac }) => mac));
  return `[${[...new Set(addresses)].filter((mac) => mac !== '00:00:00:00:00:00').join(' ')}]`;
}

export function placeOfProcess(): {
  start_time: string;
  pid: number;
  pwd: string;
  sys: string;
  hostname: string;
} {
  return {
    start_time: new Date(systemEnvironment.clock.wallMs()).toString(),
    pid: process.pid,
    pwd: process.cwd(),
    sys: `${platform()} ${release()}`,
    hostname: hostname(),
  };
}

/** The address that others use: the given one, or the first of this machine in place of 0.0.0.0. */
export function reachable(address: string, given: string | undefined): string {
  const colon = address.lastIndexOf(':');
  const [host, port] = [address.slice(0, colon), address.slice(colon + 1)];
  if (given !== undefined) return given.includes(':') ? given : `${given}:${port}`;
  if (host !== '0.0.0.0' && host !== '[::]' && host !== '::' && host !== '') return address;
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  return `${own?.address ?? '127.0.0.1'}:${port}`;
}
