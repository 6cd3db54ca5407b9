// command: runs a program with a notification: as JSON on its standard input, and in variables of its environment.
//
// No shell is involved: the words of an alert come from servers that anybody may have named, and none of them becomes an argument.

import { spawn } from 'node:child_process';
import type { CommandChannel } from '../alerts/channel.js';
import { type Notification, notificationLine } from '../alerts/notification.js';

const TIMEOUT_MS = 30_000;
const ERROR_LENGTH_MAX = 500;
const WORD_LENGTH_MAX = 4096;

export function runCommand({ program, args }: CommandChannel, notification: Notification): Promise<void> {
  const { kind, rule, ruleName, severity, target, targetName, text, value } = notification;
  const variables = {
    KVASIR_ALERT_KIND: kind,
    KVASIR_ALERT_RULE: rule,
    KVASIR_ALERT_NAME: ruleName,
    KVASIR_ALERT_SEVERITY: severity,
    KVASIR_ALERT_TARGET: target,
    KVASIR_ALERT_TARGET_NAME: targetName,
    KVASIR_ALERT_TEXT: text,
    KVASIR_ALERT_LINE: notificationLine(notification),
    KVASIR_ALERT_VALUE: value === null ? '' : String(value),
  };
  // A variable cannot hold NUL, and all of them together only so much.
  const clean = Object.entries(variables).map(
    ([name, word]) => [name, word.replaceAll('\0', '').slice(0, WORD_LENGTH_MAX)] as const,
  );
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, ...Object.fromEntries(clean) },
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let said = '';
    child.on('error', (error) => reject(new Error(`${program}: ${error.message}`)));
    child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-ERROR_LENGTH_MAX)));
    child.stdin.on('error', () => undefined); // a program need not read
    child.stdin.end(`${JSON.stringify(notification)}\n`);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(new Error(`${program}: ${signal === null ? `exit code ${code}` : `ended by ${signal}`} ${said}`.trim()));
    });
  });
}
