// wording-rule: one step in the history of an error's text.

import type { Call } from '../registry/call.js';
import type { Profile } from './profile.js';

export type Words = Pick<Call, 'count' | 'is' | 'shown' | 'integer'>;

export interface WordingRule {
  readonly before?: string;
  readonly product?: Profile['product'];
  /** Commands that it is for, by their first word; all if absent. */
  readonly commands?: readonly string[];
  readonly match: RegExp;
  /** The other words, with $1 for groups, or a function; undefined leaves the text. */
  readonly to: string | ((groups: RegExpExecArray, call: Words, profile: Profile) => string | undefined);
}
