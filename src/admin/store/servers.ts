// servers: the list of servers, in servers.json; passwords are sealed (secret-box) and never leave towards the page.
//
//   { "servers": [{ "id": "s1", "name": "cache", "nodes": ["127.0.0.1:6379"], "user": "...", "password": "plain or sealed",
//                   "sentinelMaster": "mymaster", "codisDashboard": "127.0.0.1:18080", "tls": { "caFile": "...", "insecure": false }, "readOnly": false,
//                   "separator": ":", "group": "production" }] }
//
// A file written by hand may have plain passwords: they are sealed when it is read first.
import { ApiError } from '../api-error.js';
import type { TlsOptions } from '../../client/open-stream.js';
import { parseAddress } from '../../transfer/link/address.js';
import type { DataFolder } from './data-folder.js';
import type { SecretBox } from './secret-box.js';

const fileName = 'servers.json';
const serversMax = 1000;

export interface ServerEntry {
  readonly id: string;
  readonly name: string;
  /** host:port, or the path of a unix socket; several nodes of one cluster, or several sentinels. */
  readonly nodes: readonly string[];
  readonly user?: string | undefined;
  /** Sealed. */
  readonly password?: string | undefined;
  /** The nodes are sentinels, which know where this master is. */
  readonly sentinelMaster?: string | undefined;
  /** host:port of the dashboard of the codis that this proxy belongs to. */
  readonly codisDashboard?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly readOnly?: boolean | undefined;
  readonly separator?: string | undefined;
  readonly group?: string | undefined;
  /** Not in the file: given on the command line. */
  readonly isFixed?: boolean | undefined;
}

export type ServerFields = Omit<ServerEntry, 'id' | 'password'>;

export class Servers {
  private readonly entries = new Map<string, ServerEntry>();
  private nextId = 1;
  /** Told when an entry changed or went. */
  readonly listeners: ((id: string) => void)[] = [];

  constructor(
    private readonly folder: DataFolder,
    private readonly box: SecretBox,
  ) {
    const document = folder.readJson(fileName);
    if (document !== undefined) this.load(document, folder.pathOf(fileName));
  }

  get all(): ServerEntry[] {
    return [...this.entries.values()];
  }

  find(id: string): ServerEntry | undefined {
    return this.entries.get(id);
  }

  passwordOf(entry: ServerEntry): string | undefined {
    if (entry.password === undefined) return undefined;
    const password = this.box.open(purposeOf(entry.id), entry.password);
    if (password === undefined)
      throw new ApiError(
        'conflict',
        `The password of ${entry.name} cannot be decrypted (the key changed): enter it again.`,
      );
    return password;
  }

  add(fields: ServerFields, password: string | undefined): ServerEntry {
    if (this.entries.size >= serversMax)
      throw new ApiError('too-many', `The list holds at most ${serversMax} servers.`);
    this.refuseSameName(fields.name, undefined);
    while (this.entries.has(`s${this.nextId}`)) this.nextId++;
    return this.put(`s${this.nextId++}`, fields, password);
  }

  /** `password`: undefined keeps the present one, '' removes it. */
  change(id: string, fields: ServerFields, password: string | undefined): ServerEntry {
    const known = this.entries.get(id);
    if (known === undefined) throw new ApiError('not-found', 'There is no such server.');
    this.refuseSameName(fields.name, id);
    // A password must not go to another place than the one that it was entered for.
    const samePlace = known.nodes.join() === fields.nodes.join() && known.user === fields.user;
    const kept = samePlace && known.password !== undefined ? this.passwordOf(known) : undefined;
    return this.put(id, fields, password === undefined ? kept : password === '' ? undefined : password);
  }

  remove(id: string): ServerEntry {
    const known = this.entries.get(id);
    if (known === undefined) throw new ApiError('not-found', 'There is no such server.');
    this.entries.delete(id);
    this.save();
    this.tell(id);
    return known;
  }

  /** A server of the command line: it is in the list while the program runs. */
  addFixed(id: string, fields: ServerFields, password: string | undefined): void {
    const sealed = password === undefined ? undefined : this.box.seal(purposeOf(id), password);
    this.entries.set(id, { ...fields, id, password: sealed, isFixed: true });
  }

  private put(id: string, fields: ServerFields, password: string | undefined): ServerEntry {
    const sealed = password === undefined ? undefined : this.box.seal(purposeOf(id), password);
    const entry = { ...fields, id, password: sealed };
    this.entries.set(id, entry);
    this.save();
    this.tell(id);
    return entry;
  }

  private tell(id: string): void {
    for (const listener of this.listeners) listener(id);
  }

  private refuseSameName(name: string, but: string | undefined): void {
    // The name is what people type before something dangerous.
    for (const entry of this.entries.values())
      if (entry.name === name && entry.id !== but)
        throw new ApiError('conflict', `There is a server named ${name} already.`);
  }

  private save(): void {
    this.folder.writeJson(fileName, { servers: this.all.filter((entry) => entry.isFixed !== true) });
  }

  private load(document: unknown, file: string): void {
    const list = (document as { servers?: unknown } | null)?.servers;
    if (!Array.isArray(list)) throw new Error(`${file}: "servers" must be a list`);
    let sealsPlain = false;
    for (const [index, value] of list.entries()) {
      const raw = (value ?? {}) as Record<string, unknown>;
      const where = `${file}: server ${index + 1}`;
      const fields = readFields(raw, where);
      const id = typeof raw.id === 'string' && /^[\w-]{1,64}$/.test(raw.id) ? raw.id : `s${index + 1}`;
      if (this.entries.has(id)) throw new Error(`${where}: duplicate id ${id}`);
      let password = typeof raw.password === 'string' && raw.password !== '' ? raw.password : undefined;
      if (password !== undefined && !password.startsWith('v1:')) {
        password = this.box.seal(purposeOf(id), password);
        sealsPlain = true;
      }
      this.entries.set(id, { ...fields, id, password });
    }
    if (sealsPlain) this.save();
  }
}

function purposeOf(id: string): string {
  return `server ${id}`;
}

function readFields(raw: Record<string, unknown>, where: string): ServerFields {
  const text = (name: string): string | undefined => {
    const value = raw[name];
    if (value !== undefined && value !== null && typeof value !== 'string')
      throw new Error(`${where}: "${name}" must be a text`);
    return value ?? undefined;
  };
  const nodes: unknown = raw.nodes ?? (typeof raw.address === 'string' ? [raw.address] : undefined);
  if (!Array.isArray(nodes) || nodes.length === 0 || !nodes.every((node) => typeof node === 'string'))
    throw new Error(`${where}: "nodes" must be a list of host:port`);
  for (const node of nodes as string[]) parseAddress(node);
  const tls =
    raw.tls === true ? {} : typeof raw.tls === 'object' && raw.tls !== null ? (raw.tls as TlsOptions) : undefined;
  return {
    name: text('name') ?? (nodes as string[])[0]!,
    nodes: nodes as string[],
    user: text('user'),
    sentinelMaster: text('sentinelMaster'),
    codisDashboard: text('codisDashboard'),
    tls,
    readOnly: raw.readOnly === true,
    separator: text('separator') ?? ':',
    group: text('group'),
  };
}
