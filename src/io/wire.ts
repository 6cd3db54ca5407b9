// wire: a connection as the layers above see it: bytes in, bytes out, the end.

/** A socket as a connection uses it; plain TCP, unix sockets, TLS and simulations look the same from above. */
export interface Wire {
  /** Bytes handed to `write` that the system has not taken yet. */
  readonly unsentBytes: number;
  readonly remote: string;
  readonly local: string;
  /** Sends bytes, which must not change until they are sent. Returns true when they all are already. */
  write(bytes: Uint8Array): boolean;
  /** Sends several arrays in one go. */
  writeAll(parts: readonly Uint8Array[]): boolean;
  pauseReading(): void;
  resumeReading(): void;
  /** Off: small writes may wait for each other. Missing where there are no packets. */
  setNoDelay?(on: boolean): void;
  /** Closes once everything is sent. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface WireEvents {
  /** Bytes came in: `bytes[0]` to `bytes[count - 1]`, void after the call. */
  onData(bytes: Uint8Array, count: number): void;
  /** Everything written is sent. */
  onDrain(): void;
  /** Some of what the system had not taken is sent; only some wires tell. */
  onProgress?(unsentBytes: number): void;
  /** The peer will send nothing more. Called before the bytes of any other connection that came later. */
  onEnd(): void;
  /** The connection is gone; may be called twice. An error is reported before later bytes of other connections. */
  onClose(error: Error | undefined): void;
}

/** Leads nowhere: stands in for a connection that does not exist yet, or never will. */
export const noWire: Wire = {
  unsentBytes: 0,
  remote: '',
  local: '',
  write: () => true,
  writeAll: () => true,
  pauseReading: () => undefined,
  resumeReading: () => undefined,
  end: () => undefined,
  destroy: () => undefined,
};

export function addressText(address: string | undefined, port: number | undefined): string {
  if (address === undefined) return '';
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
