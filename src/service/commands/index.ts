// The commands that every server of this package has, whatever it serves.
import type { ServiceCommand } from '../host.js';
import { acl } from './acl.js';
import { config } from './config.js';
import { info } from './info.js';
import { latency } from './latency.js';
import { pubsubCommands } from './pubsub.js';
import { commandlog, slowlog } from './slowlog.js';

export const serviceCommands: readonly ServiceCommand[] = [
  config,
  info,
  acl,
  slowlog,
  commandlog,
  latency,
  ...pubsubCommands,
];
