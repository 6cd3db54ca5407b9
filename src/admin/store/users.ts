// users: the people who may log in, in users.json, with their roles and limits.
//
//   { "users": [{ "name": "ada", "password": "scrypt$...", "role": "editor", "servers": ["*"], "prefixes": ["app:"] }] }
//
// The file may be edited by hand: it is read again when it changes.
import { statSync } from 'node:fs';
import { ApiError } from '../api-error.js';
import { hashPassword, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN } from '../access/password.js';
import { type Rights, type Role, roles } from '../access/roles.js';
import type { DataFolder } from './data-folder.js';

const fileName = 'users.json';
const namePattern = /^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u;

export interface User extends Rights {
  readonly password: string;
}

export class Users {
  private users = new Map<string, User>();
  private readMs = -1;

  constructor(private readonly folder: DataFolder) {
    this.refresh();
  }

  get isEmpty(): boolean {
    this.refresh();
    return this.users.size === 0;
  }

  get all(): User[] {
    this.refresh();
    return [...this.users.values()];
  }

  find(name: string): User | undefined {
    this.refresh();
    return this.users.get(name);
  }

  /** Makes or changes a user; without a password the old one stays. */
  async put(
    name: string,
    rights: { role: Role; servers: readonly string[]; prefixes: readonly string[] },
    password: string | undefined,
  ): Promise<void> {
    if (!namePattern.test(name))
      throw new ApiError(
        'bad-input',
        'A name has letters, digits, and . _ @ -, at most 64, and begins with a letter or digit.',
      );
    const known = this.find(name);
    if (password === undefined && known === undefined) throw new ApiError('bad-input', 'A new user needs a password.');
    if (password !== undefined) checkPassword(password, name);
    const hash = password === undefined ? known!.password : await hashPassword(password);
    const { role, servers, prefixes } = rights;
    if (known?.role === 'admin' && role !== 'admin') this.refuseLastAdmin(name);
    this.users.set(name, { name, password: hash, role, servers, prefixes });
    this.save();
  }

  remove(name: string): void {
    if (this.find(name) === undefined) throw new ApiError('not-found', `There is no user ${name}.`);
    this.refuseLastAdmin(name);
    this.users.delete(name);
    this.save();
  }

  private refuseLastAdmin(name: string): void {
    const others = this.all.filter((user) => user.role === 'admin' && user.name !== name);
    if (others.length === 0)
      throw new ApiError('conflict', 'This is the last admin: make another user an admin first.');
  }

  private save(): void {
    this.folder.writeJson(fileName, { users: [...this.users.values()] });
    this.readMs = this.modifiedMs();
  }

  private modifiedMs(): number {
    return statSync(this.folder.pathOf(fileName), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  private refresh(): void {
    const modifiedMs = this.modifiedMs();
    if (modifiedMs === this.readMs) return;
    const document = this.folder.readJson(fileName) ?? { users: [] };
    const list = (document as { users?: unknown }).users;
    if (!Array.isArray(list)) throw new Error(`${this.folder.pathOf(fileName)}: "users" must be a list`);
    this.users = new Map(
      list.map((entry) => readUser(entry, this.folder.pathOf(fileName))).map((user) => [user.name, user]),
    );
    this.readMs = modifiedMs;
  }
}

function checkPassword(password: string, name: string): void {
  if (password.length < PASSWORD_LENGTH_MIN || password.length > PASSWORD_LENGTH_MAX)
    throw new ApiError('bad-input', `A password has ${PASSWORD_LENGTH_MIN} to ${PASSWORD_LENGTH_MAX} characters.`);
  if (password.toLowerCase() === name.toLowerCase())
    throw new ApiError('bad-input', 'The password must not be the name.');
}

function readUser(entry: unknown, file: string): User {
  const { name, password, role, servers = ['*'], prefixes = [] } = (entry ?? {}) as Record<string, unknown>;
  const isTexts = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((element) => typeof element === 'string');
  if (typeof name !== 'string' || typeof password !== 'string' || !roles.includes(role as Role))
    throw new Error(`${file}: a user needs "name", "password" and a "role" of ${roles.join(', ')}`);
  if (!isTexts(servers) || !isTexts(prefixes))
    throw new Error(`${file}: "servers" and "prefixes" of ${name} must be lists of texts`);
  return { name, password, role: role as Role, servers, prefixes };
}
