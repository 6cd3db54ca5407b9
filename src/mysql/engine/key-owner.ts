// key-owner: which target a key of Redis belongs to, by the templates of all targets.
//
// A sweep may only remove what the mapping would have written. A key belongs to the template that it matches with the longest plain
// text, so `user:by-email:ann` belongs to `user:by-email:{email}` and not to `user:{name}`; an integer column matches digits only.

import type { MappingTarget } from '../config/sync-config.js';
import type { Template } from '../mapping/template.js';
import type { TablePlan } from './table-plan.js';

interface Pattern {
  readonly target: MappingTarget;
  readonly regex: RegExp;
  readonly plainLength: number;
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A pattern that every value of a template matches. */
export function templatePattern(template: Template, plan: TablePlan): RegExp {
  const source = template.parts.map((part) => {
    if (typeof part === 'string') return escape(Buffer.from(part).toString('latin1'));
    const column = plan.schema.columns.find(({ name }) => name === part.text.trim());
    return column !== undefined && /^(?:tiny|small|medium|big)?int$/.test(column.dataType) ? '-?\\d+' : '[^]+';
  });
  return new RegExp(`^${source.join('')}$`);
}

export class KeyOwners {
  private readonly patterns: readonly Pattern[];

  constructor(plans: readonly TablePlan[]) {
    this.patterns = plans.flatMap((plan) =>
      plan.config.targets.map((target) => ({
        target,
        regex: templatePattern(target.key, plan),
        plainLength: target.key.parts.reduce((sum, part) => sum + (typeof part === 'string' ? part.length : 0), 0),
      })),
    );
  }

  /** True when the key is one that the target, or another one with as much plain text, would write. */
  owns(target: MappingTarget, key: Uint8Array): boolean {
    const text = Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
    if (text.startsWith('kvasir-mysql:')) return false;
    let own = -1;
    let best = -1;
    for (const { target: one, regex, plainLength } of this.patterns) {
      if (!regex.test(text)) continue;
      best = Math.max(best, plainLength);
      if (one === target) own = plainLength;
    }
    return own >= 0 && own === best;
  }
}
