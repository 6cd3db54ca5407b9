// notification: an alert's message to people, as data, as one line, and as the body of a webhook.

import type { Severity } from '../events/event.js';

export interface Notification {
  readonly kind: 'fired' | 'repeated' | 'resolved' | 'test';
  readonly rule: string;
  readonly ruleName: string;
  readonly severity: Severity;
  readonly target: string;
  readonly targetName: string;
  readonly text: string;
  readonly value: number | null;
  /** Time of the notification, and time since which it is so; ms since 1970. */
  readonly at: number;
  readonly since: number;
}

const words: Readonly<Record<Notification['kind'], string>> = {
  fired: 'ALERT',
  repeated: 'STILL',
  resolved: 'RESOLVED',
  test: 'TEST',
};

/** One line: `[ALERT] critical: cache-1: Server is down: does not answer`. */
export function notificationLine({ kind, severity, targetName, ruleName, text }: Notification): string {
  return `[${words[kind]}] ${severity}: ${targetName}: ${ruleName}: ${text}`;
}

/** The fields that a body may name. */
function fieldsOf(notification: Notification): Readonly<Record<string, string>> {
  const { at, since, value, ...rest } = notification;
  return {
    ...rest,
    line: notificationLine(notification),
    at: new Date(at).toISOString(),
    since: new Date(since).toISOString(),
    value: value === null ? '' : String(value),
  };
}

/** The body of a webhook: the notification as JSON, or a template whose `{{field}}` are filled in. */
export function webhookBody(notification: Notification, template: string | undefined, contentType: string): string {
  const fields = fieldsOf(notification);
  // `text` is the line, because chat servers show a field of that name.
  if (template === undefined)
    return JSON.stringify({ ...fields, message: notification.text, text: fields.line, value: notification.value });
  const escape = escapeFor(contentType);
  return template.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return value === undefined ? whole : escape(value);
  });
}

function escapeFor(contentType: string): (text: string) => string {
  if (contentType.includes('json')) return (text) => JSON.stringify(text).slice(1, -1);
  if (contentType.includes('x-www-form-urlencoded')) return encodeURIComponent;
  return (text) => text;
}
