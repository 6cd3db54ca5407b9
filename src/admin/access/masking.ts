// masking: what the audit log and the page may show of a command's arguments and of a reply: never a secret.
import { latin1 } from '../../base/bytes.js';

const sensitiveDirectives =
  /^(requirepass|masterauth|masteruser|tls-key-file-pass|tls-client-key-file-pass|sentinel-pass|sentinel-user)$/i;

/** Whether the value of a directive is a secret. */
export function isSensitiveDirective(name: string): boolean {
  return sensitiveDirectives.test(name) && !/^(masteruser|sentinel-user)$/i.test(name);
}

/** Words for the audit log: the arguments that say what was done, without values and secrets. */
export function detailOf(name: string, args: readonly Uint8Array[]): string | undefined {
  const word = (index: number): string => {
    const bytes = args[index];
    return bytes === undefined ? '' : latin1(bytes, 0, Math.min(bytes.length, 100));
  };
  if (name === 'config|set') {
    const parts: string[] = [];
    for (let index = 2; index < args.length; index += 2)
      parts.push(`${word(index)}=${isSensitiveDirective(word(index)) ? '(secret)' : word(index + 1)}`);
    return parts.join(' ');
  }
  if (name === 'acl|setuser' || name === 'acl|deluser' || name === 'client|kill') return word(2);
  if (name.startsWith('sentinel|') || name.startsWith('cluster|'))
    return args
      .slice(2, 6)
      .map((_, index) => word(index + 2))
      .join(' ');
  if (name === 'replicaof' || name === 'slaveof' || name === 'swapdb') return `${word(1)} ${word(2)}`;
  if (name === 'publish' || name === 'spublish') return word(1);
  return undefined;
}
