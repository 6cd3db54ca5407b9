// special-settings: the directives with a grammar of their own: dir, save, bind, output limits, and a few more.
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { latin1, utf8 } from '../../base/bytes.js';
import { quote } from '../../base/quoting.js';
import { systemErrorText } from '../../base/system-error.js';
import { parseKeyspaceEvents, printKeyspaceEvents } from '../keyspace-events.js';
import type { SpecialOption } from '../../registry/option.js';
import type { SpecialName } from './options.js';
import { formatMemory, NumberSetting, parseMemory, type RewriteLine, type Setting } from './setting.js';

/** As C's strtoll reads it: an integer with spaces and a sign before it; undefined when there is more after it. */
function parseLoose(word: string): number | undefined {
  if (word === '') return 0;
  return /^[ \t\n\v\f\r]*[+-]?[0-9]+$/.test(word) ? Number(word) : undefined;
}

export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

export class SaveSetting implements Setting {
  value: readonly SavePoint[] = [
    { seconds: 3600, changes: 1 },
    { seconds: 300, changes: 100 },
    { seconds: 60, changes: 10000 },
  ];
  /** Lines of a file add to one another, after the first of them has replaced the defaults. */
  private inFile = false;

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[], fromFile: boolean): string | undefined {
    const empty = words.length === 1 && words[0] === '';
    const numbers = empty ? [] : words.map(parseLoose);
    const points: SavePoint[] = fromFile && this.inFile && !empty ? [...this.value] : [];
    if (numbers.length % 2 === 1) return 'Invalid save parameters';
    for (let index = 0; index < numbers.length; index += 2) {
      const seconds = numbers[index];
      const changes = numbers[index + 1];
      if (seconds === undefined || changes === undefined || seconds < 1 || changes < 0)
        return 'Invalid save parameters';
      points.push({ seconds, changes });
    }
    if (fromFile) this.inFile = true;
    this.value = points;
    return undefined;
  }

  print(): string {
    return this.value.map(({ seconds, changes }) => `${seconds} ${changes}`).join(' ');
  }

  rewrite(): readonly RewriteLine[] {
    if (this.value.length === 0) return [{ line: 'save ""', force: true }];
    return this.value.map(({ seconds, changes }) => ({ line: `save ${seconds} ${changes}`, force: true }));
  }
}

export class DirectorySetting implements Setting {
  /** An absolute path, as a byte string. The process's own folder never changes: several servers may live in it. */
  value: string;

  constructor(
    readonly option: SpecialOption,
    start: string,
  ) {
    this.value = start;
  }

  assign(words: readonly string[]): string | undefined {
    const path = toByteString(resolve(fromByteString(this.value), fromByteString(words[0]!)));
    const reason = words[0] === '' ? 'No such file or directory' : folderProblem(fromByteString(path));
    if (reason === undefined) this.value = path;
    return reason;
  }

  print(): string {
    return this.value;
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `dir ${quote(this.value)}`, force: true }];
  }
}

export function fromByteString(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

export function toByteString(text: string): string {
  return latin1(utf8(text));
}

/** The system's error for a process that changes to this folder. */
function folderProblem(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return 'Not a directory';
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return systemErrorText(error);
  }
}

export class BindSetting implements Setting {
  value: readonly string[] = ['*', '-::*'];

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[]): string | undefined {
    if (words.length > 16) return 'Too many bind addresses specified.';
    this.value = words.length === 1 && words[0] === '' ? [] : [...words];
    return undefined;
  }

  print(): string {
    return this.value.join(' ');
  }

  rewrite(): readonly RewriteLine[] {
    if (this.print() === this.option.initialText) return [];
    return [{ line: `bind ${this.value.length === 0 ? '""' : this.print()}`, force: true }];
  }
}

export interface OutputLimit {
  hardBytes: number;
  softBytes: number;
  softSeconds: number;
}

export type ClientClass = 'normal' | 'slave' | 'pubsub';
const clientClasses: readonly ClientClass[] = ['normal', 'slave', 'pubsub'];
const MB = 1024 * 1024;

function initialLimits(): Record<ClientClass, OutputLimit> {
  return {
    normal: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
    slave: { hardBytes: 256 * MB, softBytes: 64 * MB, softSeconds: 60 },
    pubsub: { hardBytes: 32 * MB, softBytes: 8 * MB, softSeconds: 60 },
  };
}

export class OutputLimitSetting implements Setting {
  value = initialLimits();

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[]): string | undefined {
    if (words.length % 4 !== 0) return 'Wrong number of arguments in buffer limit configuration.';
    const next = { ...this.value };
    for (let index = 0; index < words.length; index += 4) {
      const word = words[index]!.toLowerCase();
      const name = clientClasses.find((known) => known === (word === 'replica' ? 'slave' : word));
      if (name === undefined) return 'Invalid client class specified in buffer limit configuration.';
      const hard = parseMemory(words[index + 1]!);
      const soft = parseMemory(words[index + 2]!);
      const seconds = parseLoose(words[index + 3]!);
      if (hard === undefined || soft === undefined || seconds === undefined || seconds < 0) {
        return 'Error in hard, soft or soft_seconds setting in buffer limit configuration.';
      }
      next[name] = { hardBytes: Number(hard), softBytes: Number(soft), softSeconds: seconds };
    }
    this.value = next;
    return undefined;
  }

  print(): string {
    return clientClasses
      .map(
        (name) => `${name} ${this.value[name].hardBytes} ${this.value[name].softBytes} ${this.value[name].softSeconds}`,
      )
      .join(' ');
  }

  rewrite(): readonly RewriteLine[] {
    const initial = initialLimits();
    return clientClasses.map((name) => {
      const { hardBytes, softBytes, softSeconds } = this.value[name];
      const shown = name === 'slave' ? 'replica' : name;
      const was = initial[name];
      return {
        line: `${this.option.name} ${shown} ${formatMemory(BigInt(hardBytes))} ${formatMemory(BigInt(softBytes))} ${softSeconds}`,
        force: hardBytes !== was.hardBytes || softBytes !== was.softBytes || softSeconds !== was.softSeconds,
      };
    });
  }
}

export class OomScoreSetting implements Setting {
  value: readonly number[] = [0, 200, 800];

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[]): string | undefined {
    if (words.length !== 3) return 'wrong number of arguments';
    const scores: number[] = [];
    for (const word of words) {
      const score = parseLoose(word);
      if (score === undefined || score < -2000 || score > 2000) {
        return 'Invalid oom-score-adj-values, elements must be between -2000 and 2000.';
      }
      scores.push(score);
    }
    this.value = scores;
    return undefined;
  }

  print(): string {
    return this.value.join(' ');
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${this.print()}`, force: this.print() !== this.option.initialText }];
  }
}

export class KeyspaceEventsSetting implements Setting {
  /** Bits of keyspaceEventFlags. */
  value = 0;

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[]): string | undefined {
    const flags = parseKeyspaceEvents(words[0]!);
    if (flags === undefined) return "Invalid event class character. Use 'Ag$lshzxeKEtmdnSTIV'.";
    this.value = flags;
    return undefined;
  }

  print(): string {
    return printKeyspaceEvents(this.value);
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${quote(this.print())}`, force: this.value !== 0 }];
  }
}

export interface MasterAddress {
  readonly host: string;
  readonly port: number;
}

export class ReplicaOfSetting implements Setting {
  /** The master, or undefined on a master. Replication changes it when the role changes. */
  value: MasterAddress | undefined;

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[]): string | undefined {
    if (words.length !== 2) return 'wrong number of arguments';
    if (words[0]!.toLowerCase() === 'no' && words[1]!.toLowerCase() === 'one') {
      this.value = undefined;
      return undefined;
    }
    const port = parseLoose(words[1]!);
    if (port === undefined || port < 0 || port > 65535) return 'Invalid master port';
    this.value = { host: words[0]!, port };
    return undefined;
  }

  print(): string {
    return this.value === undefined ? '' : `${this.value.host} ${this.value.port}`;
  }

  rewrite(): readonly RewriteLine[] {
    return this.value === undefined ? [] : [{ line: `replicaof ${this.print()}`, force: true }];
  }
}

export class PercentilesSetting implements Setting {
  value: readonly number[] = [50, 99, 99.9];

  constructor(readonly option: SpecialOption) {}

  assign(words: readonly string[]): string | undefined {
    const percentiles: number[] = [];
    for (const word of words.length === 1 && words[0] === '' ? [] : words) {
      const percentile = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(word) ? Number(word) : NaN;
      if (Number.isNaN(percentile)) return 'Invalid latency-tracking-info-percentiles parameters';
      if (percentile < 0 || percentile > 100)
        return 'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]';
      percentiles.push(percentile);
    }
    this.value = percentiles;
    return undefined;
  }

  print(): string {
    return this.value.map(formatPercentile).join(' ');
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${this.value.length === 0 ? '""' : this.print()}`, force: true }];
  }
}

/** Up to six digits after the point, without zeros at the end. */
export function formatPercentile(percentile: number): string {
  return percentile.toFixed(6).replace(/\.?0+$/, '');
}

/** A number of threads, or `auto`. */
export class IoThreadsSetting implements Setting {
  private readonly count: NumberSetting;
  isAuto = false;

  constructor(readonly option: SpecialOption) {
    this.count = new NumberSetting({
      ...option,
      kind: 'number',
      unit: 'plain',
      initial: 1,
      min: 1,
      max: 128,
      unsigned: false,
    });
  }

  /** Threads with the main one; -1 for `auto`. */
  get value(): number {
    return this.isAuto ? -1 : this.count.value;
  }

  assign(words: readonly string[]): string | undefined {
    if (words[0]!.toLowerCase() === 'auto') {
      this.isAuto = true;
      return undefined;
    }
    const refusal = this.count.assign(words);
    if (refusal === undefined) this.isAuto = false;
    return refusal;
  }

  print(): string {
    return this.isAuto ? 'auto' : this.count.print();
  }

  rewrite(): readonly RewriteLine[] {
    return [{ line: `${this.option.name} ${this.print()}`, force: this.print() !== this.option.initialText }];
  }
}

export interface SpecialSettings extends Record<SpecialName, Setting> {
  readonly dir: DirectorySetting;
  readonly save: SaveSetting;
  readonly bind: BindSetting;
  readonly replicaof: ReplicaOfSetting;
  readonly 'client-output-buffer-limit': OutputLimitSetting;
  readonly 'oom-score-adj-values': OomScoreSetting;
  readonly 'notify-keyspace-events': KeyspaceEventsSetting;
  readonly 'latency-tracking-info-percentiles': PercentilesSetting;
  readonly 'io-threads': IoThreadsSetting;
}

export function makeSpecialSetting(option: SpecialOption<SpecialName>, folder: string): Setting {
  switch (option.name) {
    case 'dir':
      return new DirectorySetting(option, toByteString(folder));
    case 'save':
      return new SaveSetting(option);
    case 'bind':
      return new BindSetting(option);
    case 'replicaof':
      return new ReplicaOfSetting(option);
    case 'client-output-buffer-limit':
      return new OutputLimitSetting(option);
    case 'io-threads':
      return new IoThreadsSetting(option);
    case 'oom-score-adj-values':
      return new OomScoreSetting(option);
    case 'notify-keyspace-events':
      return new KeyspaceEventsSetting(option);
    case 'latency-tracking-info-percentiles':
      return new PercentilesSetting(option);
  }
}
