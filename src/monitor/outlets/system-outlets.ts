// system-outlets: the ways out of this machine: HTTP, SMTP, and programs.

import type { Outlets } from '../alerts/outlets.js';
import { runCommand } from './command.js';
import { sendMail } from './mail.js';
import { sendWebhook } from './webhook.js';

export const systemOutlets: Outlets = { webhook: sendWebhook, mail: sendMail, command: runCommand };
