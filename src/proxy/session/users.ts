// users: who may do what through the proxy: a pool's password as twemproxy has it, or ACL users in Redis's words.
//
// With ACL users (`users:` of a pool) a client authenticates as with Redis 6, and the rules for commands, keys and channels hold
// before anything goes to a server.

import { Acl } from '../../service/acl/acl.js';
import { AclCheck, denials, denialText } from '../../service/acl/denial.js';
import { AclCommands } from '../../service/acl/selector.js';
import type { User } from '../../service/acl/user.js';
import type { Call } from '../../registry/call.js';
import type { Command } from '../../registry/command.js';
import type { CommandTable } from '../../registry/table.js';

export type ProxyUser = User;

export class ProxyUsers {
  readonly acl: Acl;
  private readonly check = new AclCheck<Call<never, never, never>>();

  constructor(table: CommandTable<never>) {
    this.acl = new Acl(new AclCommands(table.all() as Iterable<Command<never>>), () => false);
  }

  /** Adds a user in the words of ACL SETUSER; returns what is wrong with them. */
  add(words: readonly string[]): string | undefined {
    const [name, ...rules] = words;
    if (name === undefined || name === '') return 'a user needs a name';
    return this.acl.setUser(name, rules);
  }

  /** Whether nobody may do anything without authentication. */
  get needsAuth(): boolean {
    const { defaultUser } = this.acl;
    return !defaultUser.noPassword || !defaultUser.enabled;
  }

  /** Why the user may not run the call, as an error; undefined when it may. */
  refusal(user: User, command: Command, call: Call): string | undefined {
    if (user.unrestricted) return undefined;
    const denial = this.check.check(
      user,
      command as unknown as Command<Call<never, never, never>>,
      call as unknown as Call<never, never, never>,
    );
    if (denial === denials.none) return undefined;
    return `NOPERM ${denialText(denial, user.name, command.fullName, undefined)}`;
  }
}
