// system-name: the system that the process runs on, as INFO shows it.

import { machine, release, type } from 'node:os';

/** Name, release and machine: "Linux 6.1.0 x86_64". */
export function systemName(): string {
  return `${type()} ${release()} ${machine()}`;
}
