// mail: sends a notification by SMTP, through nodemailer, which is loaded when the first mail is sent.
//
// Certificates are checked, STARTTLS must be offered where it was asked for, and a password never goes out in the clear without being
// told to (`security: none`). docs/decisions/monitoring.md says why nodemailer.

import type { MailChannel } from '../alerts/channel.js';
import { type Notification, notificationLine } from '../alerts/notification.js';

const TIMEOUT_MS = 20_000;
const SUBJECT_LENGTH_MAX = 200;

export async function sendMail(channel: MailChannel, notification: Notification): Promise<void> {
  const { host, port, security, user, password, from, to } = channel;
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(user === '' ? {} : { auth: { user, pass: password } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const line = notificationLine(notification);
  try {
    await transport.sendMail({
      from,
      to: [...to],
      subject: line.slice(0, SUBJECT_LENGTH_MAX),
      text: mailText(line, notification),
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Kvasir-Rule': notification.rule },
    });
  } catch (error) {
    throw new Error(`${host}:${port}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    transport.close();
  }
}

function mailText(line: string, { targetName, ruleName, severity, text, at, since }: Notification): string {
  return [
    line,
    '',
    `Server:   ${targetName}`,
    `Rule:     ${ruleName}`,
    `Severity: ${severity}`,
    `State:    ${text}`,
    `Since:    ${new Date(since).toISOString()}`,
    `Told:     ${new Date(at).toISOString()}`,
    '',
  ].join('\n');
}
