// roles: who may do what: four roles, each with all of the one before, and limits to servers and to prefixes of keys.
//
//   viewer    reads keys and figures
//   editor    writes keys
//   operator  runs servers: configuration, clients, scripts, failover, clusters, MONITOR
//   admin     manages users, the list of servers and ACL users, and reads the audit log

import { ApiError } from '../api-error.js';

export const roles = ['viewer', 'editor', 'operator', 'admin'] as const;

export type Role = (typeof roles)[number];

export function hasRole(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

/** The rights of a person, wherever that person logged in. */
export interface Rights {
  readonly name: string;
  readonly role: Role;
  /** Ids of servers; '*' for all. */
  readonly servers: readonly string[];
  /** Keys must begin with one of these; none: all keys. In the form of text-bytes. */
  readonly prefixes: readonly string[];
}

export function reachesServer(rights: Rights, serverId: string): boolean {
  return rights.servers.includes('*') || rights.servers.includes(serverId);
}

export function reachesKey(rights: Rights, key: string): boolean {
  return rights.prefixes.length === 0 || rights.prefixes.some((prefix) => key.startsWith(prefix));
}

/** Refuses people who are limited to prefixes what concerns a server as a whole. */
export function refuseLimited({ rights }: { readonly rights: Rights }): void {
  if (rights.prefixes.length > 0) throw new ApiError('forbidden', 'Your rights are limited to some keys.');
}
