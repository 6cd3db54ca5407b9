// permissions: the commands, keys and channels that a client's user may use, by the rules of ACL, and the log of
// refusals.
//
// It returns refusals and never replies, closes or logs a client in: the caller does that, which is how the gates,
// EXEC, scripts and AUTH can share it.

import { type Command } from '../../registry/command.js';
import type { Call } from '../../registry/call.js';
import type { Acl } from '../acl/acl.js';
import { type AclCheck, type Denial, denials, denialText } from '../acl/denial.js';
import type { AclContext, AclLog } from '../acl/log.js';
import { READ } from '../acl/selector.js';
import type { User } from '../acl/user.js';
import type { ClientCall } from '../call.js';
import { type Client, Gate } from '../clients/client.js';
import type { CommandStats } from '../watch/command-stats.js';

/** The rules, and what is needed to log a refusal. */
export interface PermissionsHost {
  readonly acl: Acl;
  readonly aclCheck: AclCheck<Call<never, never, never>>;
  readonly aclLog: AclLog;
  readonly stats: CommandStats;
  readonly settings: { readonly aclLogLength: number };
  nowMs(): number;
  describeClient(client: Client): string;
}

/** Why a queued command is refused by EXEC, by Denial. */
const lateReasons = [
  '',
  'no permission to execute the command or subcommand',
  'no permission to touch the specified keys',
  '',
  'no permission to access one of the channels used as arguments',
] as const;

export class Permissions {
  constructor(private readonly host: PermissionsHost) {}

  /** Whether clients must authenticate before they may do anything. */
  get requiresPassword(): boolean {
    const { defaultUser } = this.host.acl;
    return !defaultUser.noPassword || !defaultUser.enabled;
  }

  /** Why the client's user may not run this call, as an error reply; undefined when it may. */
  refusal(client: Client, command: Command<never>, call: ClientCall): string | undefined {
    const denial = this.check(client, command, call);
    if (denial === denials.none) return undefined;
    this.logDenial(client, call, denial, contextOf(client));
    return `NOPERM ${denialText(denial, client.userName, command.fullName, undefined)}`;
  }

  /** As `refusal`, for a command of a transaction: it was allowed when it was queued. */
  lateRefusal(client: Client, command: Command<never>, call: ClientCall): string | undefined {
    const denial = this.check(client, command, call);
    if (denial === denials.none) return undefined;
    this.logDenial(client, call, denial, 'multi');
    return `NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: ${lateReasons[denial]}`;
  }

  private check(client: Client, command: Command<never>, call: ClientCall): Denial {
    return this.host.aclCheck.check(
      client.user!,
      command as unknown as Command<Call<never, never, never>>,
      call as unknown as Call<never, never, never>,
    );
  }

  /** Whether the caller's user may read keys of any name. */
  mayReadEveryKey(call: { readonly client: unknown }): boolean {
    const { user } = call.client as Client;
    if (user === undefined || user.unrestricted) return true;
    const own = call as unknown as Call<never, never, never>;
    const command = own.command as unknown as Command<Call<never, never, never>>;
    return this.host.aclCheck.allowsEveryKey(user, command, own, READ);
  }

  logDenial(client: Client, call: ClientCall, denial: Denial, context: AclContext): void {
    const { aclCheck, stats } = this.host;
    const object = denial === denials.command ? call.command.fullName : call.text(aclCheck.deniedIndex);
    stats.aclDenials[denial]!++;
    this.log(client, denial, context, object, client.userName);
  }

  /** The user with this name and password; undefined, and a line in ACL LOG, where there is none. `object` is the command's name. */
  authenticate(client: Client, userName: string, password: string, object: string): User | undefined {
    const user = this.host.acl.authenticate(userName, password);
    if (user !== undefined) return user;
    this.host.stats.authFailures++;
    this.log(client, denials.auth, contextOf(client), object, userName);
    return undefined;
  }

  private log(client: Client, denial: Denial, context: AclContext, object: string, userName: string): void {
    const { host } = this;
    const line = host.describeClient(client);
    host.aclLog.add(denial, context, object, userName, line, host.nowMs(), host.settings.aclLogLength);
  }
}

function contextOf(client: Client): AclContext {
  return (client.gates & Gate.MULTI) !== 0 ? 'multi' : 'toplevel';
}
