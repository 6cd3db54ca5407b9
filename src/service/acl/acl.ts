// acl: the users of one server: kept, changed, loaded and saved.
//
// A user object stays the same while the user exists, whatever happens to its rules: connections keep it and see every
// change at once. Changes are made on a copy first, so that a wrong rule leaves the user as it was.
//
// Not here: whether a call is allowed (denial), refusals (log), the commands (service/commands/acl).
import { latin1, latin1Bytes } from '../../base/bytes.js';
import { systemErrorText } from '../../base/system-error.js';
import { readWhole, replaceFile, type Files } from '../../io/files.js';
import { fromByteString } from '../config/special-settings.js';
import { hasSpaces, ruleErrors, type AclCommands, type ChannelPattern } from './selector.js';
import { mergeSelectorWords, User } from './user.js';

/** The consequences of a change of users for connections. */
export interface AclListener {
  /** The user is gone: connections that use it are closed. */
  userDeleted(user: User): void;
  /** Rules changed: whatever was derived from them is out of date. */
  userChanged(user: User): void;
  /** The user may now subscribe to `left` only: connections subscribed to anything else are closed. */
  channelsLost(user: User, left: readonly ChannelPattern[]): void;
}

const defaultName = 'default';

export class Acl {
  private users = new Map<string, User>();
  readonly defaultUser: User;
  /** Users of the config file, until they are loaded. */
  private configured: { readonly name: string; readonly rules: readonly string[] }[] = [];
  listener: AclListener | undefined;
  /** Bytes of heap, about, that the users take together, and that ACL SETUSER may make them take. */
  private bytes = 0;
  bytesMax = Infinity;

  constructor(
    private readonly commands: AclCommands,
    /** Whether new users may use all channels (acl-pubsub-default). */
    private readonly newUserAllChannels: () => boolean,
  ) {
    this.defaultUser = this.makeDefaultUser();
    this.users.set(defaultName, this.defaultUser);
  }

  private makeDefaultUser(): User {
    const user = this.newUser(defaultName);
    for (const rule of ['+@all', '~*', '&*', 'on', 'nopass']) user.apply(rule);
    return user;
  }

  private newUser(name: string): User {
    return new User(name, this.commands, this.newUserAllChannels);
  }

  /** A user by name (a byte string). */
  find(name: string): User | undefined {
    return this.users.get(name);
  }

  /** All users, by the bytes of their names. */
  all(): User[] {
    return [...this.users.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The user that name and password belong to, or undefined. */
  authenticate(name: string, password: string): User | undefined {
    const user = this.users.get(name);
    return user !== undefined && user.enabled && user.hasPassword(password) ? user : undefined;
  }

  /** requirepass: the default user's only password, or none for an empty one. */
  setDefaultPassword(password: string): void {
    this.defaultUser.apply('resetpass');
    this.defaultUser.apply(password === '' ? 'nopass' : `>${password}`);
    this.listener?.userChanged(this.defaultUser);
  }

  /** ACL SETUSER: gives the error's text, or undefined when all rules are applied. Words are byte strings. */
  setUser(name: string, words: readonly string[]): string | undefined {
    const merged = mergeSelectorWords(words);
    if ('openAt' in merged)
      return `Unmatched parenthesis in acl selector starting at '${fromByteString(words[merged.openAt]!)}'.`;
    const existing = this.users.get(name);
    const changed = this.newUser(name);
    if (existing !== undefined) changed.copyFrom(existing);
    for (const rule of merged.rules) {
      const reason = changed.apply(rule);
      if (reason !== undefined) return `Error in ACL SETUSER modifier '${fromByteString(rule)}': ${reason}`;
    }
    const more = changed.bytes - (existing?.countedBytes ?? 0);
    if (more > 0 && this.bytes + more > this.bytesMax)
      return `The users of ACL take more memory than they may (${this.bytesMax} bytes)`;
    if (existing === undefined) this.put(changed);
    else this.change(existing, changed);
    return undefined;
  }

  private put(user: User): void {
    this.users.set(user.name, user);
    this.recount(user);
  }

  private recount(user: User): void {
    const { bytes } = user;
    this.bytes += bytes - user.countedBytes;
    user.countedBytes = bytes;
  }

  private change(user: User, to: User): void {
    const left = to.channelsLeft(user);
    user.copyFrom(to);
    this.recount(user);
    this.listener?.userChanged(user);
    if (left !== undefined) this.listener?.channelsLost(user, left);
  }

  /** Removes a user; false when there is none. The default user stays: the caller refuses it. */
  deleteUser(name: string): boolean {
    const user = this.users.get(name);
    if (user === undefined || user === this.defaultUser) return false;
    this.users.delete(name);
    this.bytes -= user.countedBytes;
    this.listener?.userDeleted(user);
    return true;
  }

  /** Takes a `user` line of the config file; only `loadConfigured` reports its unknown commands. */
  appendConfigured(words: readonly string[]): { readonly word: string; readonly reason: string } | undefined {
    // Redis shows the word that stands two places before the wrong one; the same here, as people search for these lines.
    const shown = ['user', ...words];
    const name = words[0]!;
    if (this.configured.some((user) => user.name === name)) return { word: name, reason: ruleErrors.duplicate };
    const merged = mergeSelectorWords(words.slice(1));
    if ('openAt' in merged) return { word: shown[merged.openAt]!, reason: 'Wrong format' };
    const trial = this.newUser(name);
    for (const [index, rule] of merged.rules.entries()) {
      const reason = trial.apply(rule);
      if (reason !== undefined && reason !== ruleErrors.unknown) return { word: shown[index]!, reason };
    }
    this.configured.push({ name, rules: merged.rules });
    return undefined;
  }

  get hasConfigured(): boolean {
    return this.configured.length > 0;
  }

  /** Makes the config file's users; gives lines for the log, the last of which is fatal when `failed`. */
  loadConfigured(): { readonly failed: boolean; readonly notices: readonly string[] } {
    const notices: string[] = [];
    for (const { name, rules } of this.configured) {
      if (hasSpaces(name)) return { failed: true, notices: [...notices, 'Spaces not allowed in ACL usernames'] };
      const user = this.users.get(name) ?? this.newUser(name);
      if (user === this.defaultUser) user.apply('reset');
      this.users.set(name, user);
      for (const rule of rules) {
        const reason = user.apply(rule);
        if (reason === undefined) continue;
        const line = `Error loading ACL rule '${fromByteString(rule)}' for the user named '${fromByteString(name)}': ${reason}`;
        return { failed: true, notices: [...notices, line] };
      }
      this.recount(user);
      if (!user.enabled) {
        notices.push(
          `The user '${fromByteString(name)}' is disabled (there is no 'on' modifier in the user description). Make sure this is not a configuration error.`,
        );
      }
    }
    return { failed: false, notices };
  }

  /** Makes the users of the config file or of the ACL file, not both. Gives lines for the log, and the reason to give up. */
  loadAtStart(
    files: Files,
    path: string,
    shownPath: string,
  ): { readonly fatal: string | undefined; readonly notices: readonly string[] } {
    if (path !== '' && this.configured.length > 0) {
      const fatal =
        'Configuring Redis with users defined in redis.conf and at the same setting an ACL file path is invalid. This setup is very likely to lead to configuration errors and security holes, please define either an ACL file or declare users directly in your redis.conf, but not both.';
      return { fatal, notices: [] };
    }
    const { failed, notices } = this.loadConfigured();
    if (failed) return { fatal: 'Critical error while loading ACLs. Exiting.', notices };
    const errors = path === '' ? undefined : this.load(files, path, shownPath);
    return {
      fatal: errors === undefined ? undefined : `Aborting Redis startup because of ACL errors: ${errors}`,
      notices,
    };
  }

  /**
   * Replaces all users by those of an ACL file; gives what is wrong with it, and then nothing has changed. `shownPath` is
   * how the file was named by the user.
   */
  load(files: Files, path: string, shownPath: string): string | undefined {
    let text: string;
    try {
      text = latin1(readWhole(files, path));
    } catch (error) {
      return `Error loading ACLs, opening file '${shownPath}': ${systemErrorText(error)}`;
    }
    const { users, errors } = this.parseFile(text, shownPath);
    if (errors !== '') {
      return `${errors}WARNING: ACL errors detected, no change to the previously active ACL rules was performed`;
    }
    if (!users.has(defaultName)) users.set(defaultName, this.makeDefaultUser());
    for (const name of [...this.users.keys()]) if (!users.has(name)) this.deleteUser(name);
    for (const [name, user] of users) {
      const existing = this.users.get(name);
      if (existing === undefined) this.put(user);
      else this.change(existing, user);
    }
    return undefined;
  }

  private parseFile(text: string, path: string): { readonly users: Map<string, User>; readonly errors: string } {
    const users = new Map<string, User>();
    let errors = '';
    for (const [index, raw] of text.split('\n').entries()) {
      const line = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, '');
      if (line === '') continue;
      const place = `${path}:${index + 1}`;
      const words = line.split(' ');
      const name = words[1];
      if (words[0] !== 'user' || name === undefined) {
        errors += `${place} should start with user keyword followed by the username. `;
      } else if (hasSpaces(name)) {
        errors += `'${place}: username '${fromByteString(name)}' contains invalid characters. `;
      } else if (users.has(name)) {
        errors += `WARNING: Duplicate user '${fromByteString(name)}' found on line ${index + 1}. `;
      } else {
        const user = this.newUser(name);
        users.set(name, user);
        errors += applyFileRules(user, words.slice(2), place);
      }
    }
    return { users, errors };
  }

  /** Every user as a line of an ACL file or a config file's `user` line, without the word `user`. */
  describe(): string[] {
    return this.all().map((user) => `${user.name} ${user.describe()}`);
  }

  /** Writes the ACL file so that a crash leaves the old or the new one. Throws the system's error. */
  save(files: Files, path: string, temporarySuffix: string): void {
    const text = this.describe()
      .map((line) => `user ${line}\n`)
      .join('');
    replaceFile(files, path, `${path}.${temporarySuffix}`, latin1Bytes(text));
  }
}

function applyFileRules(user: User, words: readonly string[], place: string): string {
  const merged = mergeSelectorWords(words);
  if ('openAt' in merged) return `${place}: Unmatched parenthesis in selector definition.`;
  let errors = '';
  let told = false;
  for (const word of merged.rules) {
    const rule = word.replace(/^[\t\r\n]+|[\t\r\n]+$/g, '');
    const reason = user.apply(rule);
    if (reason === ruleErrors.unknown) {
      errors += `${place}: Error in applying operation '${fromByteString(rule)}': ${reason}. `;
    } else if (reason !== undefined && !told) {
      // The first is enough: what follows may be wrong because of it.
      errors += `${place}: ${reason}. `;
      told = true;
    }
  }
  return errors;
}
