// alert: tells people that a backup failed, by a command and by a webhook. An alert that fails is one more line of the
// log.

import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { hostname } from 'node:os';
import { TransferError } from '../record/record.js';
import { runShell } from './shell.js';

const LIMIT_MS = 60_000;

export interface Failure {
  readonly command: string;
  readonly name: string;
  readonly source: string;
  readonly targets: readonly string[];
  readonly error: string;
  readonly timeMs: number;
}

/** POST of JSON; `text` is what Slack, Mattermost and their like show. */
function post(address: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      reject(new TransferError(`'${address}' is no address of a webhook`));
      return;
    }
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = request(url, { method: 'POST', headers, timeout: LIMIT_MS }, (answer) => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      answer.on('end', () => {
        if (status >= 200 && status < 300) resolve();
        else reject(new TransferError(`the webhook at ${url.host} answers ${status}`));
      });
      answer.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', (error) => reject(new TransferError(`the webhook at ${url.host}: ${error.message}`)));
    sent.end(body);
  });
}

export interface AlertWays {
  readonly command: string | undefined;
  readonly webhook: string | undefined;
}

/** Returns the failures. */
export async function alert(failure: Failure, ways: AlertWays): Promise<string[]> {
  const host = hostname();
  const text = `kvasir-backup ${failure.command} of ${failure.name} on ${host} failed: ${failure.error}`;
  const failed: string[] = [];
  const attempt = async (run: () => Promise<unknown>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      failed.push(`cannot tell of the failure: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const { command, webhook } = ways;
  if (command !== undefined)
    await attempt(() =>
      runShell(command, {
        limitMs: LIMIT_MS,
        env: {
          KVASIR_BACKUP_COMMAND: failure.command,
          KVASIR_BACKUP_NAME: failure.name,
          KVASIR_BACKUP_SOURCE: failure.source,
          KVASIR_BACKUP_TARGETS: failure.targets.join(' '),
          KVASIR_BACKUP_ERROR: failure.error,
          KVASIR_BACKUP_TEXT: text,
        },
      }),
    );
  if (webhook !== undefined) {
    const { timeMs, ...rest } = failure;
    const body = JSON.stringify({ text, tool: 'kvasir-backup', host, time: new Date(timeMs).toISOString(), ...rest });
    await attempt(() => post(webhook, body));
  }
  return failed;
}
