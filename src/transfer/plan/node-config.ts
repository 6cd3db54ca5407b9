// node-config: the config file of one server of a plan, as people write it by script: everything that differs has the port in its name.

import { TransferError } from '../record/record.js';

export interface NodeConfig {
  readonly port: number;
  readonly bind?: string | undefined;
  readonly folder?: string | undefined;
  readonly maxmemoryBytes?: number | undefined;
  readonly isCluster: boolean;
  readonly appendOnly: boolean;
  readonly password?: string | undefined;
}

/** A word of a config file, quoted where it must be. */
function quoted(word: string): string {
  if (/[\r\n\0]/.test(word)) throw new TransferError('a value of a config file has no line ends');
  return /^[^\s"'#\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

export function nodeConfig(config: NodeConfig): string {
  const { port, bind, folder, maxmemoryBytes, isCluster, appendOnly, password } = config;
  // The bus of a cluster listens 10000 above.
  const portMax = isCluster ? 55_535 : 65_535;
  if (port < 1 || port > portMax) throw new TransferError(`a port is a number from 1 to ${portMax}, not ${port}`);
  const lines = [
    `port ${port}`,
    `bind ${bind ?? '127.0.0.1'}`,
    'protected-mode yes',
    `dir ${quoted(folder ?? '.')}`,
    `pidfile redis-${port}.pid`,
    `logfile redis-${port}.log`,
    `dbfilename dump-${port}.rdb`,
  ];
  if (appendOnly) lines.push('appendonly yes', `appendfilename appendonly-${port}.aof`, `appenddirname aof-${port}`);
  if (maxmemoryBytes !== undefined)
    lines.push(`maxmemory ${Math.max(1, Math.floor(maxmemoryBytes / 2 ** 20))}mb`, 'maxmemory-policy noeviction');
  if (isCluster)
    lines.push('cluster-enabled yes', `cluster-config-file nodes-${port}.conf`, 'cluster-node-timeout 15000');
  if (password !== undefined && password !== '')
    lines.push(`requirepass ${quoted(password)}`, `masterauth ${quoted(password)}`);
  return `${lines.join('\n')}\n`;
}
