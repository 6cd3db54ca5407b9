// secret-directive: whether a directive's value is a password, by its name: in Kvasir, Redis, Valkey, Sentinel and modules.
//
// Other servers have names that ours does not know (Valkey's primaryauth), so the words in them count and no list.
const secret = /pass|secret|token|^(master|primary)auth$/i;

export function isSecretDirective(name: string): boolean {
  return secret.test(name);
}
