// saver: the RDB file of the server: SAVE, BGSAVE, the save rules, and their fields of INFO.
//
// Written to temp-<process>.rdb in `dir` (BGSAVE: temp-<process>.<number>.rdb, as a file that was given up may still be written
// when the next begins), synced, renamed to `dbfilename`. Not here: taking a snapshot (snapshot-run).

import type { Keyspace } from '../../keyspace/keyspace.js';
import type { PersistenceHost } from '../host.js';
import { RdbSnapshotEncoder, type RdbSnapshotOptions } from './snapshot-encoder.js';
import type { SnapshotFileOptions } from '../snapshot/snapshot-file.js';
import { saveWhole } from '../snapshot/whole-save.js';
import type { Cut, Cuts } from '../snapshot/cuts.js';
import type { SnapshotResult, SnapshotRun } from '../snapshot/snapshot-run.js';
import { DirectFileSink, type SnapshotSink } from '../snapshot/snapshot-sink.js';
import { Compression, type RdbWriter } from './writer.js';

/** After a failure the save rules wait so long. */
const RETRY_MS = 5000;

export interface SaveRule {
  readonly seconds: number;
  readonly changes: number;
}

export function parseSaveRules(text: string): SaveRule[] {
  const numbers = text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number);
  const rules: SaveRule[] = [];
  for (let at = 0; at + 1 < numbers.length; at += 2) rules.push({ seconds: numbers[at]!, changes: numbers[at + 1]! });
  return rules;
}

export class RdbSaver {
  lastSaveMs: number;
  lastStatusOk = true;
  lastDurationSeconds = -1;
  saves = 0;
  /** The most memory that the last snapshot took beside the data. */
  lastHeldBytes = 0;
  private cut: Cut | undefined;
  private lastTryMs = 0;
  private dirtyAtStart = 0;

  constructor(
    private readonly host: PersistenceHost,
    private readonly cuts: Cuts,
    private readonly statusChanged: () => void,
  ) {
    this.lastSaveMs = host.clock.wallMs();
  }

  get isRunning(): boolean {
    return this.cut?.state === 'running';
  }

  /** A BGSAVE waits for the end of another cut or of a transaction. */
  get isScheduled(): boolean {
    return this.cut?.state === 'waiting';
  }

  get current(): SnapshotRun | undefined {
    return this.isRunning ? this.cut?.run : undefined;
  }

  private fileOptions(temporaryName: string): SnapshotFileOptions {
    const { host } = this;
    const folder = String(host.option('dir'));
    return {
      temporaryPath: `${folder}/temp-${temporaryName}.rdb`,
      finalPath: `${folder}/${String(host.option('dbfilename'))}`,
      checksum: host.option('rdbchecksum') === false ? 'off' : 'on',
      incrementalSync: host.option('rdb-save-incremental-fsync') !== false,
    };
  }

  get compresses(): boolean {
    return this.host.option('rdbcompression') !== false;
  }

  private settle(result: SnapshotResult, startedMs: number): void {
    const { host } = this;
    this.lastDurationSeconds = Math.floor((host.clock.wallMs() - startedMs) / 1000);
    if (result.aborted) return;
    if (result.error !== null) {
      this.lastStatusOk = false;
      host.log('warning', `Background saving error: ${result.error.message}`);
    } else {
      this.lastStatusOk = true;
      this.lastSaveMs = host.clock.wallMs();
      host.keyspace.savedDirty = this.dirtyAtStart;
    }
    this.statusChanged();
  }

  /** SAVE: true when the file is in place. */
  save(): boolean {
    const { host } = this;
    const started = host.clock.wallMs();
    this.dirtyAtStart = host.keyspace.dirty;
    this.saves++;
    const sink = new DirectFileSink(host.files, this.fileOptions(String(host.processId)));
    const error = saveWhole(host.keyspace, (writer) => this.encoder(writer), sink, this.compresses);
    // Whoever asked hears that it failed. Writes are refused only after a BGSAVE, as in Redis: nobody hears of that.
    if (error !== null) host.log('warning', `Error saving DB on disk: ${error.message}`);
    else {
      this.settle({ error, bytes: 0, aborted: false }, started);
      host.log('notice', 'DB saved on disk');
    }
    return error === null;
  }

  /** BGSAVE: asks for a cut; one that waits already is enough. */
  saveInBackground(): void {
    const { host } = this;
    if (this.isScheduled) return;
    let startedMs = 0;
    this.cut = this.cuts.request({
      name: 'BGSAVE',
      isSave: true,
      compression: () => (this.compresses ? Compression.marked : Compression.none),
      makeSink: () => {
        startedMs = host.clock.wallMs();
        return this.makeSink(startedMs);
      },
      makeEncoder: (writer) => this.encoder(writer),
      onEnd: (result) => this.ended(result, startedMs),
    });
  }

  private makeSink(startedMs: number): SnapshotSink {
    const { host } = this;
    this.lastTryMs = startedMs;
    this.dirtyAtStart = host.keyspace.dirty;
    this.saves++;
    host.log('notice', 'Background saving started');
    return host.makeSink(this.fileOptions(`${host.processId}.${this.saves}`));
  }

  private encoder(writer: RdbWriter): RdbSnapshotEncoder {
    return new RdbSnapshotEncoder(this.host.keyspace, rdbOptions(this.host, false), writer);
  }

  private ended(result: SnapshotResult, startedMs: number): void {
    const { host } = this;
    this.lastHeldBytes = this.cut?.run?.heldBytesMax ?? 0;
    this.settle(result, startedMs);
    if (result.aborted) host.log('notice', 'Background saving stopped');
    else if (result.error === null) host.log('notice', 'Background saving terminated with success');
  }

  /** Ends a BGSAVE that runs; one that waits goes on waiting. */
  abort(): void {
    if (this.isRunning) this.cut?.abort();
  }

  /** The save rule that asks for a snapshot now. */
  dueRule(rules: readonly SaveRule[]): SaveRule | undefined {
    const now = this.host.clock.wallMs();
    if (!this.lastStatusOk && now - this.lastTryMs <= RETRY_MS) return undefined;
    const { changesSinceSave } = this.host.keyspace;
    return rules.find((rule) => changesSinceSave >= rule.changes && now - this.lastSaveMs > rule.seconds * 1000);
  }
}

/** The contents of the header of an RDB that this server writes. */
export function rdbOptions(host: PersistenceHost, isAofBase: boolean): RdbSnapshotOptions {
  const aux: (readonly [string, string])[] = [
    ['redis-ver', host.serverVersion],
    ['redis-bits', '64'],
    ['ctime', String(Math.floor(host.clock.wallMs() / 1000))],
    ['used-mem', String(host.keyspace.usedBytes)],
    ...(isAofBase ? [] : host.replicationAux()),
    ['aof-base', isAofBase ? '1' : '0'],
  ];
  return {
    aux,
    functions: host.functionLibraries(),
    uses: savedUses(host.keyspace, String(host.option('maxmemory-policy'))),
  };
}

function savedUses(keyspace: Keyspace, policy: string): 'none' | 'idle' | 'frequency' {
  if (policy.endsWith('-lru')) return 'idle';
  return policy.endsWith('-lfu') && keyspace.usesFrequency ? 'frequency' : 'none';
}
