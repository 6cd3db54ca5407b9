// sessions: who is logged in, by a cookie that nobody can guess; kept in memory, so a restart logs everybody out.
//
// The cookie is HttpOnly and SameSite=Strict. Each session has a second secret, which the page sends as a header with every
// request that is no GET: a foreign site can make a browser send the cookie at most, never this header. Only hashes of the
// cookies are kept, so that a dump of the memory's strings gives no session.
import { createHash } from 'node:crypto';
import type { Clock } from '../../io/clock.js';
import type { Rights } from './roles.js';

const idleMsMax = 12 * 3600_000;
const lifeMsMax = 7 * 24 * 3600_000;
const sessionsMax = 1000;
export const SESSION_COOKIE = 'kvasir_admin';

export interface Session {
  /** Tells sessions apart; no secret. */
  readonly id: string;
  readonly csrfToken: string;
  readonly user: string;
  readonly address: string;
  readonly createdMs: number;
  seenMs: number;
  /** Set for a login by a server's own ACL user: this server is reached with that login. */
  readonly serverLogin: { readonly serverId: string; readonly user: string; readonly password: string } | undefined;
  /** Rights of a login by ACL; those of others are looked up in the users file each time. */
  readonly rights: Rights | undefined;
  isOver: boolean;
  /** Runs when the session ends; see `atEnd`. */
  readonly onEnd: Set<() => void>;
}

/** Runs something at the end of the session, which may have come while it was made; returns what takes that back. */
export function atEnd(session: Session, run: () => void): () => void {
  if (session.isOver) run();
  else session.onEnd.add(run);
  return () => void session.onEnd.delete(run);
}

export class Sessions {
  private readonly byHash = new Map<string, Session>();
  private nextId = 1;

  constructor(
    private readonly clock: Clock,
    private readonly entropy: (count: number) => Uint8Array,
  ) {}

  /** Starts a session; returns it with the cookie's value. */
  start(about: Pick<Session, 'user' | 'address' | 'serverLogin' | 'rights'>): { session: Session; cookie: string } {
    this.prune();
    const cookie = Buffer.from(this.entropy(32)).toString('base64url');
    const nowMs = this.clock.wallMs();
    const session: Session = {
      ...about,
      id: `s${this.nextId++}`,
      csrfToken: Buffer.from(this.entropy(32)).toString('base64url'),
      createdMs: nowMs,
      seenMs: nowMs,
      isOver: false,
      onEnd: new Set(),
    };
    this.byHash.set(hashOf(cookie), session);
    return { session, cookie };
  }

  find(cookie: string | undefined): Session | undefined {
    if (cookie === undefined || cookie.length > 100) return undefined;
    const session = this.byHash.get(hashOf(cookie));
    if (session === undefined) return undefined;
    if (this.isOver(session)) {
      this.end(session);
      return undefined;
    }
    session.seenMs = this.clock.wallMs();
    return session;
  }

  get all(): Session[] {
    return [...this.byHash.values()];
  }

  end(session: Session): void {
    for (const [hash, other] of this.byHash) if (other === session) this.byHash.delete(hash);
    session.isOver = true;
    for (const run of [...session.onEnd]) run();
    session.onEnd.clear();
  }

  /** Ends all sessions of a user, after the password or the rights changed. */
  endOf(user: string, but?: Session): void {
    for (const session of this.all) if (session.user === user && session !== but) this.end(session);
  }

  private isOver(session: Session): boolean {
    const nowMs = this.clock.wallMs();
    return nowMs - session.seenMs > idleMsMax || nowMs - session.createdMs > lifeMsMax;
  }

  private prune(): void {
    for (const session of this.all) if (this.isOver(session)) this.end(session);
    const oldest = this.all.sort((a, b) => a.seenMs - b.seenMs);
    for (const session of oldest.slice(0, Math.max(0, oldest.length - sessionsMax + 1))) this.end(session);
  }
}

function hashOf(cookie: string): string {
  return createHash('sha256').update(cookie).digest('base64');
}

/** The value of a cookie in a request's header. */
export function cookieIn(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim();
  }
  return undefined;
}
