// body: reads the body of a request up to a bound.
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../api-error.js';
import { Input } from '../input.js';

/** A value of 16 MB, as JSON with every byte escaped. */
const jsonBytesMax = 100 << 20;

export async function readBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const tooLarge = (): ApiError => new ApiError('too-large', `The request has more than ${bytesMax} bytes.`);
  // One that says so itself is refused before any of it comes.
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function readInput(request: IncomingMessage, bytesMax = jsonBytesMax): Promise<Input> {
  // A form of a foreign page can send other types without asking first, but not this one.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? ''))
    throw new ApiError('bad-input', 'The request must be application/json.');
  const bytes = await readBytes(request, bytesMax);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new ApiError('bad-input', 'The request is no JSON.');
  }
  return new Input(value);
}
