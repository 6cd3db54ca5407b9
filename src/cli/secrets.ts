// secrets: which commands hold a password or reveal one, so that their lines never reach the history file.

const secretConfigs = ['masterauth', 'masteruser', 'requirepass', 'tls-key-file-pass', 'tls-client-key-file-pass'];

/** `words`: the command and its arguments, without a leading repeat count. */
export function holdsSecret(words: readonly string[]): boolean {
  const [command = '', second = '', third = '', fourth = ''] = words.map((word) => word.toLowerCase());
  switch (command) {
    case 'auth':
      return true;
    case 'acl':
      return ['setuser', 'deluser', 'getuser'].includes(second);
    case 'config':
      return (
        second === 'set' &&
        words.some((word, index) => index >= 2 && index % 2 === 0 && secretConfigs.includes(word.toLowerCase()))
      );
    case 'hello':
    case 'migrate':
      // Anywhere: better a line too few in the history than a password in it.
      return words.some((word, index) => index >= 2 && ['auth', 'auth2'].includes(word.toLowerCase()));
    case 'sentinel':
      if (second === 'set') return ['auth-pass', 'auth-user'].includes(fourth);
      return second === 'config' && third === 'set' && ['sentinel-pass', 'sentinel-user'].includes(fourth);
    default:
      return false;
  }
}
