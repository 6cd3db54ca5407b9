// admin-context: what the routes share: the stores, the links to servers, and the checks that each of them makes.
import type { Clock } from '../io/clock.js';
import { ApiError } from './api-error.js';
import type { CommandMeaning, CommandPolicy } from './access/command-policy.js';
import { detailOf, resultWithoutValues } from './access/masking.js';
import { hasRole, reachesKey, reachesServer, type Rights, type Role } from './access/roles.js';
import type { LoginLimit } from './access/login-limit.js';
import { atEnd, type Session, type Sessions } from './access/sessions.js';
import type { Jobs } from './jobs/jobs.js';
import type { Previews } from './jobs/previews.js';
import { ServerLink } from './link/server-link.js';
import type { Monitor } from '../monitor/monitor.js';
import type { AuditLog } from './store/audit-log.js';
import type { FlushCopies } from './store/flush-copies.js';
import type { ServerEntry, Servers } from './store/servers.js';
import type { Users } from './store/users.js';
import { textOfBytes } from './text-bytes.js';

/** The part of a visit that checks need. */
export interface Person {
  readonly session: Session;
  readonly rights: Rights;
  readonly address: string;
}

export interface AdminParts {
  readonly clock: Clock;
  readonly entropy: (count: number) => Uint8Array;
  readonly users: Users;
  readonly servers: Servers;
  readonly audit: AuditLog;
  readonly sessions: Sessions;
  readonly limit: LoginLimit;
  readonly policy: CommandPolicy;
  readonly jobs: Jobs;
  readonly previews: Previews;
  readonly copies: FlushCopies;
  readonly monitor: Monitor | undefined;
  /** Nothing may be changed through this program. */
  readonly isReadOnly: boolean;
  /** The role of people who log in as an ACL user of a server; undefined: they cannot. */
  readonly aclRole: Role | undefined;
  readonly isTls: boolean;
}

export class AdminContext {
  private readonly links = new Map<string, ServerLink>();
  /** Opens the setup of the first user; undefined once it was used. */
  setupToken: string | undefined;

  constructor(readonly parts: AdminParts) {
    parts.servers.listeners.push((id) => this.dropLinks(id));
  }

  /** The entry of a server that the person may see. */
  entry(person: Person, id: string): ServerEntry {
    const entry = this.parts.servers.find(id);
    if (entry === undefined || !reachesServer(person.rights, id))
      throw new ApiError('not-found', 'There is no such server.');
    return entry;
  }

  link(person: Person, id: string): ServerLink {
    const entry = this.entry(person, id);
    const { serverLogin } = person.session;
    const own = serverLogin?.serverId === id ? person.session.id : '';
    const name = `${id}/${own}`;
    const known = this.links.get(name);
    if (known !== undefined) return known;
    const login = own === '' ? { user: entry.user, password: this.parts.servers.passwordOf(entry) } : serverLogin!;
    const link = new ServerLink(entry, login, this.parts.clock);
    this.links.set(name, link);
    if (own !== '')
      atEnd(person.session, () => {
        this.links.delete(name);
        link.close();
      });
    return link;
  }

  /** Why the server's data cannot be changed; undefined when it can. */
  async readOnlyReason(link: ServerLink): Promise<string | undefined> {
    if (this.parts.isReadOnly) return 'This program was started with --read-only.';
    if (link.entry.readOnly === true) return `${link.name} is marked as read-only in the list of servers.`;
    const { kind, role, info } = await link.ask();
    // Changes of a cluster go to the masters of their slots, whichever node is asked.
    if (kind !== 'cluster' && role === 'replica' && !/^slave_read_only:0/m.test(info))
      return `${link.name} is a replica: change its master.`;
    return undefined;
  }

  /** Refuses what the person may not send; returns what the command means. */
  async check(
    person: Person,
    link: ServerLink,
    args: readonly Uint8Array[],
    confirm: string | undefined,
    isConsole: boolean,
  ): Promise<CommandMeaning> {
    const meaning = this.parts.policy.meaningOf(args);
    try {
      await this.refuseUnfit(person, link, meaning, confirm, isConsole);
    } catch (error) {
      // A request that lacks only the typed name is about to come again, so it is not noted.
      if (meaning.changes && error instanceof ApiError && error.code !== 'confirm')
        this.note(person, link.entry, meaning, args, `refused: ${error.code}`);
      throw error;
    }
    return meaning;
  }

  private async refuseUnfit(
    { rights }: Person,
    link: ServerLink,
    meaning: CommandMeaning,
    confirm: string | undefined,
    isConsole: boolean,
  ): Promise<void> {
    const shown = meaning.name.replace('|', ' ').toUpperCase();
    if (meaning.refusal !== undefined)
      throw new ApiError('forbidden', `${shown} cannot be run here. ${meaning.refusal}`);
    if (!hasRole(rights.role, meaning.role))
      throw new ApiError('forbidden', `${shown} needs the role ${meaning.role}; yours is ${rights.role}.`);
    if (rights.prefixes.length > 0) {
      if (!meaning.fitsPrefixes)
        throw new ApiError('forbidden', `${shown} reaches further than the keys that you are limited to.`);
      const foreign = meaning.keys.map(textOfBytes).find((key) => !reachesKey(rights, key));
      if (foreign !== undefined) throw new ApiError('forbidden', `Your keys begin with ${rights.prefixes.join(', ')}.`);
    }
    if (meaning.needsConsole && !isConsole) throw new ApiError('bad-input', `${shown} works in the console only.`);
    if (meaning.changes && (this.parts.isReadOnly || link.entry.readOnly === true))
      throw new ApiError('read-only', (await this.readOnlyReason(link))!);
    if (meaning.writes) {
      const reason = await this.readOnlyReason(link);
      if (reason !== undefined) throw new ApiError('read-only', reason);
    }
    if (meaning.isDangerous) this.checkTyped(link.entry, shown, confirm);
  }

  checkTyped(entry: ServerEntry, what: string, confirm: string | undefined): void {
    if (confirm !== entry.name)
      throw new ApiError('confirm', `${what}: type the name of the server (${entry.name}) to go on.`);
  }

  /** Refuses changes of data that do not come as commands (bulk jobs, imports). */
  async requireWritable(person: Person, link: ServerLink): Promise<void> {
    if (!hasRole(person.rights.role, 'editor'))
      throw new ApiError('forbidden', `This needs the role editor; yours is ${person.rights.role}.`);
    const reason = await this.readOnlyReason(link);
    if (reason !== undefined) throw new ApiError('read-only', reason);
  }

  note(person: Person, entry: ServerEntry, meaning: CommandMeaning, args: readonly Uint8Array[], result: string): void {
    const detail = detailOf(meaning.name, args);
    this.record(person, entry, meaning.name, resultWithoutValues(result, meaning, args, detail), {
      keys: meaning.keys.map(textOfBytes),
      detail,
    });
  }

  record(
    person: Person,
    entry: ServerEntry | undefined,
    action: string,
    result: string,
    more: { keys?: readonly string[]; detail?: string | undefined } = {},
  ): void {
    this.parts.audit.add({
      user: person.rights.name,
      address: person.address,
      server: entry?.name,
      action,
      result,
      ...more,
    });
  }

  close(): void {
    this.parts.jobs.cancelAll();
    this.parts.copies.close();
    for (const session of this.parts.sessions.all) this.parts.sessions.end(session);
    for (const link of this.links.values()) link.close();
    this.links.clear();
  }

  private dropLinks(id: string): void {
    for (const [name, link] of this.links) {
      if (!name.startsWith(`${id}/`)) continue;
      this.links.delete(name);
      link.close();
    }
  }
}
