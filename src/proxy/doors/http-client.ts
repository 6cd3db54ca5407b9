// http-client: asks the HTTP interfaces of codis's proxies and dashboards: JSON both ways, status 800 for a failure with its cause.
import { request } from 'node:http';
import { systemErrorText } from '../../base/system-error.js';
import { addressOf } from '../codis/dashboard/server-link.js';

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** A failure that the other side reports. */
export class ApiFailure extends Error {}

function causeOf(status: number, text: string): string {
  try {
    const { Cause: cause } = JSON.parse(text) as { Cause?: string };
    if (typeof cause === 'string' && cause !== '') return cause;
  } catch {
    // The error of an answer that is no JSON is its status.
  }
  return `http status = ${status}`;
}

/** One request; `path` is encoded. Rejects with an ApiFailure, or with what is wrong with the connection. */
export function callApi(
  method: 'GET' | 'PUT',
  address: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<unknown> {
  const { host, port } = addressOf(address);
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`${address}: ${reason}`));
    const outgoing = request(
      {
        host,
        port,
        method,
        path,
        // A connection that is kept may be closed by the other side just when the next request goes out on it.
        agent: false,
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
        timeout: timeoutMs,
      },
      (response) => {
        const parts: Buffer[] = [];
        let length = 0;
        response.on('data', (part: Buffer) => {
          length += part.length;
          if (length > ANSWER_BYTES_MAX) outgoing.destroy(new Error('the answer is too long'));
          else parts.push(part);
        });
        response.on('error', (error) => fail(systemErrorText(error)));
        response.on('end', () => {
          const answer = Buffer.concat(parts).toString('utf8');
          const status = response.statusCode ?? 0;
          if (status !== 200) {
            reject(new ApiFailure(causeOf(status, answer)));
            return;
          }
          try {
            resolve(answer === '' ? undefined : JSON.parse(answer));
          } catch {
            fail('the answer is no JSON');
          }
        });
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.on('error', (error) => fail(error.message === '' ? systemErrorText(error) : error.message));
    outgoing.end(text);
  });
}

/** A path of words, each encoded. */
export function pathOf(...words: readonly (string | number)[]): string {
  return `/${words.map((word) => encodeURIComponent(String(word))).join('/')}`;
}
