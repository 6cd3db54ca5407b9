// The commands that every server of this package has, whatever it serves.
import type { ServiceCommand } from '../host.js';
import { acl } from './acl.js';
import { commandCommand } from './command.js';
import { config } from './config.js';
import { connectionCommands } from './connection.js';
import { info } from './info.js';
import { latency } from './latency.js';
import { moduleCommand } from './module.js';
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

/** As those, for a server whose clients have connections. CLIENT is made by each server (`makeClientCommand`). */
export const clientCommands = [...connectionCommands, commandCommand, moduleCommand];
