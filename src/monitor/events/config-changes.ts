// config-changes: what CONFIG GET says now and did not say before; secrets are named and never shown.

import { isAggregate, type Reply, replyText } from '../../client/reply.js';
import { isSecretDirective } from '../../service/config/secret-directive.js';
import { shown } from './server-state.js';

const DIRECTIVE_COUNT_MAX = 2000;
/** Of many changes at once the rest is counted. */
const SHOWN_MAX = 10;

export type ConfigValues = ReadonlyMap<string, string>;

/** The reply of CONFIG GET *, or undefined when it is none (a denial, a renamed command). */
export function configValues(reply: Reply): ConfigValues | undefined {
  if (!isAggregate(reply)) return undefined;
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < reply.elements.length && values.size < DIRECTIVE_COUNT_MAX; index += 2)
    values.set(replyText(reply.elements[index]), replyText(reply.elements[index + 1]));
  return values;
}

/** A line about what changed; undefined when nothing did. */
export function describeConfigChange(old: ConfigValues, now: ConfigValues): string | undefined {
  const changes: string[] = [];
  for (const [name, value] of now) {
    const before = old.get(name);
    if (before === undefined || before === value) continue;
    changes.push(
      isSecretDirective(name)
        ? `${shown(name)} was changed`
        : `${shown(name)}: "${shown(before)}" is now "${shown(value)}"`,
    );
  }
  if (changes.length === 0) return undefined;
  const rest = changes.length - SHOWN_MAX;
  return changes.slice(0, SHOWN_MAX).join('; ') + (rest > 0 ? `; and ${rest} more` : '');
}
