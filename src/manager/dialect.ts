// dialect: where the manager of redis-cli and redis-trib.rb differ in words and numbers.
//
// Guides and scripts know either of them; `kvasir-cli --cluster` speaks the first, `kvasir-trib` the second. Where their
// flows differ, the commands ask for `name`.
import { double, single, type Precision } from './allocation.js';

export interface Dialect {
  readonly name: 'cli' | 'trib';
  readonly precision: Precision;
  /** A run of slots, as in the list of a node's slots. */
  range(first: number, last: number): string;
  /** Slots as a text of their own (uncovered ones, say). */
  readonly following: string;
  percent(value: number): string;
  weight(value: number): string;
  /** How an option is called, in messages. */
  option(name: string): string;
}

const runOf = (first: number, last: number): string => (first === last ? `${first}` : `${first}-${last}`);

export const cliDialect: Dialect = {
  name: 'cli',
  precision: single,
  range: (first, last) => `[${runOf(first, last)}]`,
  following: 'following',
  percent: (value) => `${value.toFixed(2)}%`,
  weight: (value) => value.toFixed(2),
  option: (name) => `--cluster-${name}`,
};

export const tribDialect: Dialect = {
  name: 'trib',
  precision: double,
  range: runOf,
  following: 'folowing', // as it was
  percent: (value) => `${Number.isInteger(value) ? value.toFixed(1) : value}%`,
  weight: String,
  option: (name) => `--${name}`,
};
