// source-connection: a connection to MySQL or MariaDB that runs SQL, by mysql2.
//
// mysql2 does what is the same for every program: handshake, TLS, authentication (native, SHA-256, caching SHA-2, clear text over
// TLS) and result sets. Values come as the bytes of the text protocol, because their types are ours (source/text-value).
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import { createConnection, type Connection, type ConnectionOptions } from 'mysql2';
import { systemErrorText } from '../../base/system-error.js';
import type { SourceConfig } from '../config/sync-config.js';

/** The source cannot be reached, or was lost. The query may be repeated on a new connection. */
export class SourceLost extends Error {}

/** The source's certificate is not trusted, or it does not speak TLS: another attempt ends the same way. */
export class SourceUntrusted extends SourceLost {}

/** The source refuses what was asked, in its own words. */
export class SourceRefused extends Error {
  constructor(
    message: string,
    readonly number: number,
    readonly state: string | undefined,
  ) {
    super(message);
  }
}

export type SqlRow = readonly (Buffer | null)[];

const CONNECT_MS = 10_000;
/** Silence of the server during a statement that is short by nature: it hangs, or waits for a lock that holds up all its writers. */
const SILENCE_MS = 120_000;
/** Parts of 16 MB of one packet: max_allowed_packet is at most 1 GB. */
const PACKET_PARTS_MAX = 66;

/** OpenSSL's words for what certificates or protocols are wrong in, rather than the moment. */
const lastingTls = /certificate|self.signed|altnames|alert|unsupported protocol|wrong version/i;

interface MysqlError extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly sqlState?: string;
  readonly fatal?: boolean;
}

export interface SourceAddress {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly socket: string | undefined;
}

export function addressName({ host, port, socket }: SourceAddress): string {
  return socket ?? `${host}:${port}`;
}

/** The places to try, in order. */
export function addressesOf(config: SourceConfig): SourceAddress[] {
  if (config.socket !== undefined) return [{ host: undefined, port: undefined, socket: config.socket }];
  return config.hosts.map(({ host, port }) => ({ host, port, socket: undefined }));
}

function optionsOf(config: SourceConfig, address: SourceAddress): ConnectionOptions {
  const { tls } = config;
  const read = (path: string | undefined): Buffer | undefined => (path === undefined ? undefined : readFileSync(path));
  return {
    ...(address.socket === undefined ? { host: address.host!, port: address.port! } : { socketPath: address.socket }),
    user: config.user,
    password: config.password,
    connectTimeout: CONNECT_MS,
    charset: 'utf8mb4',
    rowsAsArray: true,
    typeCast: false,
    enableCleartextPlugin: tls !== undefined,
    ...(tls === undefined
      ? {}
      : {
          ssl: {
            ...(tls.caFile === undefined ? {} : { ca: read(tls.caFile)! }),
            ...(tls.certFile === undefined ? {} : { cert: read(tls.certFile)! }),
            ...(tls.keyFile === undefined ? {} : { key: read(tls.keyFile)! }),
            rejectUnauthorized: !tls.insecure,
          },
        }),
  } as ConnectionOptions;
}

export function asSourceError(error: unknown, name: string): Error {
  const { code, errno, sqlState, fatal, message } = error as MysqlError;
  if (sqlState !== undefined && fatal !== true) return new SourceRefused(message, errno ?? 0, sqlState);
  // Refused before the connection stood: a wrong password stays wrong, too many connections pass.
  if (
    code === 'ER_ACCESS_DENIED_ERROR' ||
    code === 'ER_DBACCESS_DENIED_ERROR' ||
    code === 'MYSQL_CLEAR_PASSWORD_NOT_ENABLED'
  )
    return new SourceRefused(`${name}: ${message}`, errno ?? 0, sqlState);
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT')
    return new SourceUntrusted(
      `${name}: the server does not speak TLS: set up its certificate, or leave out source.tls`,
    );
  if (code === 'HANDSHAKE_SSL_ERROR' && lastingTls.test(message))
    return new SourceUntrusted(
      `${name}: TLS: ${message} (source.tls.ca names the authority of the server's certificate)`,
    );
  return new SourceLost(`${name}: ${error instanceof Error ? systemErrorText(error) : String(error)}`);
}

/** Parts of mysql2 that it does not declare. */
interface RawParts {
  readonly stream: Duplex;
  readonly packetParser: { readonly largePacketParts: readonly Buffer[] };
  handlePacket(packet: unknown): void;
}

/** Bytes that make no sense would throw in mysql2's handler of the socket, where nobody catches: they end the connection. */
function contain(raw: Connection): void {
  const parts = raw as unknown as RawParts;
  const handlePacket = parts.handlePacket.bind(raw);
  parts.handlePacket = (packet) => {
    try {
      handlePacket(packet);
    } catch (error) {
      parts.stream.destroy(new Error(`the server sent a packet that makes no sense (${(error as Error).message})`));
    }
  };
  parts.stream.on('data', () => {
    if (parts.packetParser.largePacketParts.length > PACKET_PARTS_MAX)
      parts.stream.destroy(new Error('the server sent a packet of more than 1 GB'));
  });
}

export class SourceConnection {
  private failure: Error | undefined;

  private constructor(
    readonly raw: Connection,
    readonly name: string,
  ) {
    raw.on('error', (error: unknown) => (this.failure ??= asSourceError(error, name)));
    raw.on('end', () => (this.failure ??= new SourceLost(`${name}: the server closed the connection`)));
  }

  static open(config: SourceConfig, address: SourceAddress): Promise<SourceConnection> {
    const name = addressName(address);
    return new Promise((resolve, reject) => {
      const raw = createConnection(optionsOf(config, address));
      contain(raw);
      raw.on('error', () => undefined); // a second error, after the reported one, has no other listener
      raw.once('error', (error: unknown) => reject(asSourceError(error, name)));
      raw.connect((error) => {
        if (error !== null) {
          raw.destroy();
          reject(asSourceError(error, name));
        } else resolve(new SourceConnection(raw, name));
      });
    });
  }

  get lost(): Error | undefined {
    return this.failure;
  }

  /** Runs a statement; the rows of its result, as bytes. */
  rows(sql: string): Promise<SqlRow[]> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      // The time limit of mysql2 would hold the process when the connection is lost first.
      const hangs = setTimeout(() => {
        this.failure ??= new SourceLost(`${this.name}: no reply to a statement for ${SILENCE_MS / 1000} s`);
        reject(this.failure);
        this.close();
      }, SILENCE_MS).unref();
      this.raw.query({ sql, rowsAsArray: true, typeCast: false }, (error, rows) => {
        clearTimeout(hangs);
        if (error !== null) reject(asSourceError(error, this.name));
        else resolve(Array.isArray(rows) ? (rows as unknown as SqlRow[]) : []);
      });
    });
  }

  /** The same, as texts. */
  async texts(sql: string): Promise<(string | null)[][]> {
    return (await this.rows(sql)).map((row) => row.map((cell) => (cell === null ? null : cell.toString('utf8'))));
  }

  /** The first cell of the first row. */
  async value(sql: string): Promise<string | null | undefined> {
    return (await this.texts(sql))[0]?.[0];
  }

  /** The rows of a large result, as they come; a slow reader holds the server back. */
  async *stream(sql: string): AsyncGenerator<SqlRow> {
    const query = this.raw.query({ sql, rowsAsArray: true, typeCast: false });
    try {
      for await (const row of query.stream({ highWaterMark: 500 })) yield row as SqlRow;
    } catch (error) {
      throw asSourceError(error, this.name);
    }
  }

  close(): void {
    this.failure ??= new SourceLost(`${this.name}: closed`);
    this.raw.removeAllListeners('error');
    this.raw.on('error', () => undefined); // an error on the way out is nobody's concern
    this.raw.destroy();
  }
}

/** A text as a SQL literal, whatever the sql_mode. */
export function sqlText(text: string): string {
  return text === '' ? "''" : `CONVERT(X'${Buffer.from(text).toString('hex')}' USING utf8mb4)`;
}

/** A name in backquotes. */
export function sqlName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}
