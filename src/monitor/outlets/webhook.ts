// webhook: sends a notification by HTTP POST.
//
// Redirects are not followed: a body with names of servers goes to the configured address and nowhere else.

import type { WebhookChannel } from '../alerts/channel.js';
import { type Notification, webhookBody } from '../alerts/notification.js';

const TIMEOUT_MS = 15_000;

export async function sendWebhook(channel: WebhookChannel, notification: Notification): Promise<void> {
  const { url, headers, body, contentType } = channel;
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': contentType, 'user-agent': 'kvasir-monitor', ...headers },
      body: webhookBody(notification, body, contentType),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Error(`${hostOf(url)}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${hostOf(url)}: replied ${response.status} ${response.statusText}`.trim());
}

/** Paths of webhooks are often secrets, so that logs have the host alone. */
function hostOf(url: string): string {
  return new URL(url).host;
}
