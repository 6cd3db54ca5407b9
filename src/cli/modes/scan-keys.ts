// scan-keys: walks the keyspace with SCAN, as --scan, --bigkeys and the others do.
import { isError, replyText } from '../../client/reply.js';
import { Exit } from '../exit.js';
import type { Session } from '../session.js';
import { call } from './server-call.js';

export interface ScanStep {
  /** 0 at the end. */
  readonly cursor: bigint;
  readonly keys: readonly Uint8Array[];
}

export async function scanStep(session: Session, cursor: bigint): Promise<ScanStep> {
  const { options, console } = session;
  const args: (string | Uint8Array)[] = ['SCAN', String(cursor)];
  if (options.pattern !== undefined) args.push('MATCH', Buffer.from(options.pattern, 'latin1'));
  args.push('COUNT', String(options.count));
  if (options.type !== undefined) args.push('TYPE', options.type);
  const reply = await call(session, ...args);
  const refuse = (message: string): never => {
    console.complainBytes(`${message}\n`);
    throw new Exit(1);
  };
  if (isError(reply)) return refuse(`SCAN error: ${replyText(reply)}`);
  if (reply.kind !== 'array') return refuse('Non ARRAY response from SCAN!');
  const [next, keys] = reply.elements;
  const cursorText = replyText(next);
  if (reply.elements.length !== 2 || keys?.kind !== 'array' || !/^\d+$/.test(cursorText)) {
    return refuse('Invalid element count from SCAN!');
  }
  const names: Uint8Array[] = [];
  for (const key of keys.elements) if (key.kind === 'bulk') names.push(key.bytes);
  return { cursor: BigInt(cursorText), keys: names };
}

export function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
