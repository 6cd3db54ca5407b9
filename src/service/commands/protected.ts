// protected: commands that run only where the configuration allows them: DEBUG and MODULE.

import type { Config } from '../config/config.js';
import type { CallFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly config: Config;
}

type ServerCall = CallFor<Host>;

const directives = { DEBUG: 'enable-debug-command', MODULE: 'enable-module-command' } as const;

/** Whether this client may use the command; if not, it got an error that says how to allow it. */
export function mayUse(call: ServerCall, name: keyof typeof directives): boolean {
  const directive = directives[name];
  const allowed = call.host.config.choice(directive).value;
  if (allowed === 'yes' || (allowed === 'local' && call.client.isLocal)) return true;
  call.reply.error(
    `ERR ${name} command not allowed. If the ${directive} option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.`,
  );
  return false;
}
