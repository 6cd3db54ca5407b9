// masking: what the audit log and the page may show of a command's arguments and of a reply: never a secret.
import { latin1 } from '../../base/bytes.js';
import { isSecretDirective } from '../../service/config/secret-directive.js';
import { textOfBytes } from '../text-bytes.js';
import type { CommandMeaning } from './command-policy.js';

const secretText = '(secret)';
/** Shorter words are in most errors anyway. */
const valueMin = 3;

/** Words for the audit log: the arguments that say what was done, without values and secrets. */
export function detailOf(name: string, args: readonly Uint8Array[]): string | undefined {
  const word = (index: number): string => {
    const bytes = args[index];
    return bytes === undefined ? '' : latin1(bytes, 0, Math.min(bytes.length, 100));
  };
  if (name === 'config|set') {
    const parts: string[] = [];
    for (let index = 2; index < args.length; index += 2)
      parts.push(`${word(index)}=${isSecretDirective(word(index)) ? secretText : word(index + 1)}`);
    return parts.join(' ');
  }
  if (name === 'acl|setuser' || name === 'acl|deluser' || name === 'client|kill') return word(2);
  if (name.startsWith('sentinel|') || name.startsWith('cluster|'))
    return args
      .slice(2, 6)
      .map((_, index) => (isSecretDirective(word(index + 1)) ? secretText : word(index + 2)))
      .join(' ');
  if (name === 'replicaof' || name === 'slaveof' || name === 'swapdb') return `${word(1)} ${word(2)}`;
  if (name === 'publish' || name === 'spublish') return word(1);
  return undefined;
}

/**
 * A server's words for the audit log: errors repeat arguments (an unknown command all of them, ACL SETUSER the wrong rule), and
 * what is neither a key nor in the detail is a value or a secret.
 */
export function resultWithoutValues(
  result: string,
  { name, keys }: Pick<CommandMeaning, 'name' | 'keys'>,
  args: readonly Uint8Array[],
  detail = '',
): string {
  // Servers cut these, so they would not be found as they are.
  let text = result.replace(/, with args beginning with: .*$/s, '');
  for (const argument of args.slice(name.includes('|') ? 2 : 1)) {
    const word = textOfBytes(argument);
    if (word.length >= valueMin && !detail.includes(word) && !keys.includes(argument))
      text = text.replaceAll(word, '…');
  }
  return text;
}

/** The reply of CONFIG GET, as JSON, without secrets. */
export function withoutSecrets(json: unknown): unknown {
  const cut = json as { map?: unknown[]; list?: unknown[] } | null;
  const list = Array.isArray(json) ? (json as unknown[]) : (cut?.map ?? cut?.list);
  if (list === undefined) return json;
  for (let index = 0; index + 1 < list.length; index += 2)
    if (isSecretDirective(String(list[index])) && list[index + 1] !== '') list[index + 1] = secretText;
  return json;
}
