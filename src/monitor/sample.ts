// sample: the figures of one moment, worked out of a server's INFO and of what it said the time before.
//
// A rate is the growth of a counter since the sample before, over the time that has passed on the steady clock. A counter that went
// back was reset (a restart, CONFIG RESETSTAT): no rate then. The text may come from anybody; what is no number is missing.

import { infoNumber, infoPairs, type InfoText } from '../base/info-text.js';
import { figures } from './figures.js';
import { isEjected, poolLines } from './proxy-pools.js';

/** Facts about a server besides INFO. */
export interface Surroundings {
  readonly wallMs: number;
  readonly steadyMs: number;
  readonly responseMs: number;
  /** When the server's certificate ends, if it has shown one. */
  readonly certificateEndsMs: number | undefined;
  /** CLUSTER INFO, of a node of a cluster. */
  readonly cluster: InfoText | undefined;
  /** Slots that the node owns. */
  readonly slotCount: number | undefined;
}

/** Of a server with more commands, the rest is left out. */
const COMMAND_COUNT_MAX = 40;
const COMMAND_NAME = /^[a-z0-9_.|-]{1,64}$/i;
const DAY_MS = 86_400_000;

export type Values = Map<string, number>;

export class SampleMaker {
  private counters = new Map<string, number>();
  private steadyMs = -Infinity;
  /** Commands that have figures: those that were seen first keep them. */
  private readonly commands = new Set<string>();

  /** The server is another one, or was away: nothing is compared with what was before. */
  reset(): void {
    this.counters.clear();
    this.steadyMs = -Infinity;
  }

  make(info: InfoText, around: Surroundings): Values {
    const values: Values = new Map();
    const seconds = (around.steadyMs - this.steadyMs) / 1000;
    const next = new Map<string, number>();
    const growth = (counter: string, value = infoNumber(info.fields.get(counter))): number | undefined => {
      if (value === undefined) return undefined;
      next.set(counter, value);
      // Commands have no line before they are called for the first time.
      const isNewCommand = counter.startsWith('cmdstat_') && this.counters.size > 0;
      const before = this.counters.get(counter) ?? (isNewCommand ? 0 : undefined);
      return before === undefined || value < before || !(seconds > 0) ? undefined : value - before;
    };
    const set = (name: string, value: number | undefined): void => {
      if (value !== undefined && Number.isFinite(value)) values.set(name, value);
    };

    set('up', 1);
    set('response_ms', around.responseMs);
    for (const { name, field, counter } of figures) {
      if (field !== undefined) set(name, infoNumber(info.fields.get(field)));
      else if (counter !== undefined) {
        const grown = growth(counter);
        set(name, grown === undefined ? undefined : grown / seconds);
      }
    }
    const system = growth('used_cpu_sys');
    const user = growth('used_cpu_user');
    if (system !== undefined && user !== undefined) set('cpu', (100 * (system + user)) / seconds);
    addMemory(info, values, set);
    const hits = growth('keyspace_hits');
    const misses = growth('keyspace_misses');
    if (hits !== undefined && misses !== undefined && hits + misses > 0)
      set('hit_rate', (100 * hits) / (hits + misses));
    addKeys(info, set);
    addReplication(info, set);
    addPersistence(info, around.wallMs, set);
    this.addCommands(info, seconds, growth, set);
    addCluster(around, set);
    addSentinel(info, set);
    addBackends(info, set);
    if (around.certificateEndsMs !== undefined)
      set('certificate_days', (around.certificateEndsMs - around.wallMs) / DAY_MS);
    this.counters = next;
    this.steadyMs = around.steadyMs;
    return values;
  }

  private addCommands(
    info: InfoText,
    seconds: number,
    growth: (counter: string, value: number | undefined) => number | undefined,
    set: (name: string, value: number | undefined) => void,
  ): void {
    const ran = new Set<string>();
    let calls = 0;
    let micros = 0;
    let isCounted = false;
    for (const [field, text] of info.sections.get('commandstats') ?? []) {
      if (!field.startsWith('cmdstat_')) continue;
      const name = field.slice('cmdstat_'.length);
      if (!COMMAND_NAME.test(name)) continue;
      const pairs = infoPairs(text);
      const called = growth(field, infoNumber(pairs.get('calls')));
      const took = growth(`${field}:usec`, infoNumber(pairs.get('usec')));
      if (called === undefined) continue;
      if (called > 0) ran.add(name);
      if (took !== undefined) {
        calls += called;
        micros += took;
        isCounted = true;
      }
      if (!this.commands.has(name) && this.commands.size < COMMAND_COUNT_MAX && called > 0) this.commands.add(name);
      if (this.commands.has(name)) set(`command:${name}`, called / seconds);
    }
    if (isCounted && calls > 0) set('command_us', micros / calls);
    this.addLatencies(info, ran, set);
  }

  private addLatencies(
    info: InfoText,
    ran: ReadonlySet<string>,
    set: (name: string, value: number | undefined) => void,
  ): void {
    const highest = new Map<string, number>();
    for (const [field, text] of info.sections.get('latencystats') ?? []) {
      const name = field.replace(/^latency_percentiles_usec_/, '');
      if (name === field || !COMMAND_NAME.test(name)) continue;
      const pairs = infoPairs(text);
      if (this.commands.has(name)) set(`p99:${name}`, infoNumber(pairs.get('p99')));
      if (!ran.has(name)) continue;
      for (const [percentile, figure] of [
        ['p50', 'p50_us'],
        ['p99', 'p99_us'],
        ['p99.9', 'p999_us'],
      ] as const) {
        const value = infoNumber(pairs.get(percentile));
        if (value !== undefined) highest.set(figure, Math.max(value, highest.get(figure) ?? 0));
      }
    }
    for (const [figure, value] of highest) set(figure, value);
  }
}

type Set_ = (name: string, value: number | undefined) => void;

function addMemory(info: InfoText, values: Values, set: Set_): void {
  const used = values.get('memory_used');
  const limit = values.get('memory_max') || infoNumber(info.fields.get('total_system_memory'));
  if (used !== undefined && limit !== undefined && limit > 0) set('memory_percent', (100 * used) / limit);
}

function addKeys(info: InfoText, set: Set_): void {
  const section = info.sections.get('keyspace');
  if (section === undefined) return;
  let keys = 0;
  let expiring = 0;
  for (const [name, text] of section) {
    if (!/^db\d+$/.test(name)) continue;
    const pairs = infoPairs(text);
    keys += infoNumber(pairs.get('keys')) ?? 0;
    expiring += infoNumber(pairs.get('expires')) ?? 0;
  }
  set('keys', keys);
  set('keys_expiring', expiring);
}

function addReplication({ fields }: InfoText, set: Set_): void {
  const role = fields.get('role');
  if (role !== undefined && fields.get('redis_mode') !== 'sentinel') set('master', role === 'master' ? 1 : 0);
  if (role === 'slave') {
    const isUp = fields.get('master_link_status') === 'up';
    set('link_up', isUp ? 1 : 0);
    set('lag_seconds', infoNumber(fields.get(isUp ? 'master_last_io_seconds_ago' : 'master_link_down_since_seconds')));
    return;
  }
  const offset = infoNumber(fields.get('master_repl_offset'));
  let seconds: number | undefined;
  let bytes: number | undefined;
  for (let index = 0; index < 1000; index++) {
    const text = fields.get(`slave${index}`);
    if (text === undefined) break;
    const pairs = infoPairs(text);
    const lag = infoNumber(pairs.get('lag'));
    const has = infoNumber(pairs.get('offset'));
    if (lag !== undefined) seconds = Math.max(seconds ?? 0, lag);
    if (has !== undefined && offset !== undefined) bytes = Math.max(bytes ?? 0, offset - has);
  }
  set('lag_seconds', seconds);
  set('lag_bytes', bytes);
}

function addPersistence({ fields }: InfoText, wallMs: number, set: Set_): void {
  const saved = infoNumber(fields.get('rdb_last_save_time'));
  if (saved !== undefined && saved > 0) set('save_age', Math.max(0, wallMs / 1000 - saved));
  const rdb = fields.get('rdb_last_bgsave_status');
  if (rdb !== undefined) set('rdb_ok', rdb === 'ok' ? 1 : 0);
  const states = [fields.get('aof_last_write_status'), fields.get('aof_last_bgrewrite_status')];
  if (states.some((state) => state !== undefined))
    set('aof_ok', states.every((state) => state === undefined || state === 'ok') ? 1 : 0);
}

function addCluster({ cluster, slotCount }: Surroundings, set: Set_): void {
  const state = cluster?.fields.get('cluster_state');
  if (state !== undefined) set('cluster_ok', state === 'ok' ? 1 : 0);
  set('cluster_nodes', infoNumber(cluster?.fields.get('cluster_known_nodes')));
  set('slots', slotCount);
}

function addSentinel(info: InfoText, set: Set_): void {
  const section = info.sections.get('sentinel');
  if (section === undefined) return;
  let down = 0;
  for (const [name, text] of section) if (/^master\d+$/.test(name) && infoPairs(text).get('status') !== 'ok') down++;
  set('sentinel_down', down);
}

function addBackends(info: InfoText, set: Set_): void {
  const servers = poolLines(info)?.filter(({ server }) => server !== undefined);
  if (servers === undefined) return;
  set('backends', servers.length);
  set('backends_ejected', servers.filter(isEjected).length);
}
