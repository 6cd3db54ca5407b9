// server-state: the words of INFO whose change is an event, and the events between two states of a server.
//
// The text may come from anybody: words are cut and control characters taken out before they become a line for people.

import { infoNumber, type InfoText } from '../../base/info-text.js';
import { isEjected, poolLines } from '../proxy-pools.js';
import type { EventKind } from './event.js';

export interface ServerState {
  readonly runId: string;
  readonly version: string;
  readonly uptimeSeconds: number | undefined;
  readonly role: string;
  /** host:port of the master; empty for a master. */
  readonly master: string;
  readonly isLinked: boolean;
  readonly isLoading: boolean;
  readonly isSaving: boolean;
  readonly savedSeconds: number | undefined;
  readonly isSaveOk: boolean;
  readonly isRewriting: boolean;
  readonly isRewriteOk: boolean;
  readonly isAofOk: boolean;
  readonly clusterState: string;
  /** Names of a proxy's servers that are ejected. */
  readonly ejected: ReadonlySet<string>;
}

/** A change, without where and when. */
export type Change = readonly [kind: EventKind, text: string];

const WORD_LENGTH_MAX = 128;

/** A word of a server's as it may be shown. */
export function shown(word: string): string {
  const plain = word.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, '?');
  return plain.length <= WORD_LENGTH_MAX ? plain : `${plain.slice(0, WORD_LENGTH_MAX)}...`;
}

export function serverState(info: InfoText, cluster: InfoText | undefined): ServerState {
  const { fields } = info;
  const word = (name: string): string => shown(fields.get(name) ?? '');
  const isOk = (name: string): boolean => (fields.get(name) ?? 'ok') === 'ok';
  const role = word('role');
  const ejected = new Set<string>();
  for (const line of poolLines(info) ?? [])
    if (isEjected(line)) ejected.add(shown(`${line.pool}/${line.server ?? ''}`));
  return {
    runId: word('run_id'),
    version: word(fields.has('kvasir_version') ? 'kvasir_version' : 'redis_version'),
    uptimeSeconds: infoNumber(fields.get('uptime_in_seconds')),
    role,
    master: role === 'slave' ? `${word('master_host')}:${word('master_port')}` : '',
    isLinked: fields.get('master_link_status') === 'up',
    isLoading: fields.get('loading') === '1',
    isSaving: fields.get('rdb_bgsave_in_progress') === '1',
    savedSeconds: infoNumber(fields.get('rdb_last_save_time')),
    isSaveOk: isOk('rdb_last_bgsave_status'),
    isRewriting: fields.get('aof_rewrite_in_progress') === '1',
    isRewriteOk: isOk('aof_last_bgrewrite_status'),
    isAofOk: isOk('aof_last_write_status'),
    clusterState: shown(cluster?.fields.get('cluster_state') ?? ''),
    ejected,
  };
}

/** The events between two states of one server. */
export function changesBetween(old: ServerState, now: ServerState): Change[] {
  const changes: Change[] = [];
  const add = (kind: EventKind, text: string): void => void changes.push([kind, text]);
  const isRestarted =
    (old.runId !== '' && now.runId !== '' && old.runId !== now.runId) ||
    (old.uptimeSeconds !== undefined && now.uptimeSeconds !== undefined && now.uptimeSeconds < old.uptimeSeconds);
  if (isRestarted)
    add(
      'restart',
      old.version === now.version
        ? `restarted, version ${now.version}`
        : `restarted, version ${old.version} is now ${now.version}`,
    );
  addRoles(old, now, add);
  if (old.isLoading !== now.isLoading)
    add(now.isLoading ? 'loading' : 'loaded', now.isLoading ? 'loads its data' : 'has loaded its data');
  if (!isRestarted) addSaves(old, now, add);
  if (old.isAofOk !== now.isAofOk)
    add(now.isAofOk ? 'aof-recovered' : 'aof-failed', now.isAofOk ? 'writes its AOF again' : 'cannot write its AOF');
  if (old.clusterState !== now.clusterState && now.clusterState !== '')
    add(now.clusterState === 'ok' ? 'cluster-ok' : 'cluster-failed', `cluster state is ${now.clusterState}`);
  for (const name of now.ejected) if (!old.ejected.has(name)) add('ejected', `${name} is ejected`);
  for (const name of old.ejected) if (!now.ejected.has(name)) add('returned', `${name} is back`);
  return changes;
}

type Add = (kind: EventKind, text: string) => void;

function addRoles(old: ServerState, now: ServerState, add: Add): void {
  if (old.role === '' || now.role === '') return;
  if (old.role !== now.role) {
    if (now.role === 'master') add('promoted', `was a replica of ${old.master}, is a master`);
    else if (now.role === 'slave') add('demoted', `was a master, is a replica of ${now.master}`);
    return;
  }
  if (now.role !== 'slave') return;
  if (old.master !== now.master) add('new-master', `was a replica of ${old.master}, is a replica of ${now.master}`);
  else if (old.isLinked !== now.isLinked)
    add(now.isLinked ? 'link-up' : 'link-down', `link to ${now.master} is ${now.isLinked ? 'up' : 'down'}`);
}

function addSaves(old: ServerState, now: ServerState, add: Add): void {
  if (now.isSaving && !old.isSaving) add('save-started', 'saves its data');
  if (now.savedSeconds !== undefined && old.savedSeconds !== undefined && now.savedSeconds > old.savedSeconds)
    add('saved', 'has saved its data');
  if (!now.isSaveOk && old.isSaveOk) add('save-failed', 'could not save its data');
  if (now.isRewriting && !old.isRewriting) add('rewrite-started', 'rewrites its AOF');
  if (!now.isRewriting && old.isRewriting)
    add(
      now.isRewriteOk ? 'rewritten' : 'rewrite-failed',
      now.isRewriteOk ? 'has rewritten its AOF' : 'could not rewrite its AOF',
    );
}
