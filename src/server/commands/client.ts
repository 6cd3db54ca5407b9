// client: CLIENT with the subcommands of tracking, which only the data server has.

import { type Host as ClientHost, makeClientCommand } from '../../service/commands/client.js';
import type { CallFor, CommandFor } from '../call.js';
import { type Host as TrackingHost, trackingSubcommands } from './tracking.js';

/** The part of the server that CLIENT reaches. */
export interface Host extends ClientHost, TrackingHost {}

export const clientCommand: CommandFor<Host> = makeClientCommand<CallFor<Host>>(trackingSubcommands);
