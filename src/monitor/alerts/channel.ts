// channel: where alerts go: a URL, a mailbox, a command; and the checks that one from a file or a page must pass.

import { AlertError, asFields, listIn, textIn } from './rule.js';

export interface WebhookChannel {
  readonly id: string;
  readonly name: string;
  readonly type: 'webhook';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body, with `{{text}}` and other fields filled in as JSON text; the notification as JSON if absent. */
  readonly body: string | undefined;
  readonly contentType: string;
}

export interface MailChannel {
  readonly id: string;
  readonly name: string;
  readonly type: 'mail';
  readonly host: string;
  readonly port: number;
  /** tls: from the first byte. starttls: must be offered. none: in the clear. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly user: string;
  readonly password: string;
  readonly from: string;
  readonly to: readonly string[];
}

export interface CommandChannel {
  readonly id: string;
  readonly name: string;
  readonly type: 'command';
  readonly program: string;
  readonly args: readonly string[];
}

export type Channel = WebhookChannel | MailChannel | CommandChannel;

/** Stands for a secret that is not shown; a channel that comes back with it keeps the one that it had. */
export const HIDDEN = '********';

/** Checks a channel that somebody wrote; `known` is the one with the same id, whose hidden secrets are kept. Throws an AlertError. */
export function readChannel(value: unknown, known?: Channel): Channel {
  const fields = asFields(value, 'the channel');
  const id = textIn(fields, 'id');
  const base = { id, name: textIn(fields, 'name', id) };
  switch (fields.type) {
    case 'webhook':
      return readWebhook(base, fields, known);
    case 'mail':
      return readMail(base, fields, known);
    case 'command':
      return { ...base, type: 'command', program: textIn(fields, 'program'), args: listIn(fields, 'args') };
    default:
      throw new AlertError('the type of channel is none of webhook, mail, command');
  }
}

type Base = { readonly id: string; readonly name: string };
type Fields = Readonly<Record<string, unknown>>;

const URL_LENGTH_MAX = 2000;
const BODY_LENGTH_MAX = 20_000;

function readWebhook(base: Base, fields: Fields, known: Channel | undefined): WebhookChannel {
  const { url, body, contentType = 'application/json' } = fields;
  if (
    typeof url !== 'string' ||
    url.length > URL_LENGTH_MAX ||
    !/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')
  )
    throw new AlertError('url is no address of http or https');
  const headers: Record<string, string> = {};
  const old = known?.type === 'webhook' ? known.headers : {};
  for (const [name, text] of Object.entries(asFields(fields.headers ?? {}, 'headers'))) {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || typeof text !== 'string' || !/^[\t\x20-\x7e]*$/.test(text))
      throw new AlertError(`"${name.slice(0, 40)}" is no header`);
    headers[name] = text === HIDDEN ? (old[name] ?? '') : text;
  }
  if (body !== undefined && (typeof body !== 'string' || body.length > BODY_LENGTH_MAX))
    throw new AlertError('body is no text');
  if (typeof contentType !== 'string' || !/^[\x20-\x7e]+$/.test(contentType))
    throw new AlertError('contentType is no type');
  return { ...base, type: 'webhook', url, headers, body, contentType };
}

/** Without line ends and angle brackets, an address cannot become a command of SMTP or a header. */
const ADDRESS = /^[^\s<>,;:"()[\]\\\u0000-\u001f\u007f]+@[^\s<>,;:"()[\]\\\u0000-\u001f\u007f]+$/;

function readMail(base: Base, fields: Fields, known: Channel | undefined): MailChannel {
  const { security = 'starttls', user = '', password = '' } = fields;
  if (security !== 'tls' && security !== 'starttls' && security !== 'none')
    throw new AlertError('security is none of tls, starttls, none');
  const port = fields.port ?? (security === 'tls' ? 465 : security === 'starttls' ? 587 : 25);
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535)
    throw new AlertError('port is none');
  if (typeof user !== 'string' || typeof password !== 'string') throw new AlertError('user or password is no text');
  const host = textIn(fields, 'host');
  if (!/^[A-Za-z0-9._:-]+$/.test(host)) throw new AlertError('host is none');
  const from = textIn(fields, 'from');
  const to = listIn(fields, 'to');
  const wrong = [from, ...to].find((address) => !ADDRESS.test(address));
  if (wrong !== undefined) throw new AlertError(`"${wrong.slice(0, 80)}" is no mail address`);
  if (to.length === 0) throw new AlertError('to is empty');
  const kept = known?.type === 'mail' ? known.password : '';
  return {
    ...base,
    type: 'mail',
    host,
    port,
    security,
    user,
    password: password === HIDDEN ? kept : password,
    from,
    to,
  };
}

/** A channel as it may be shown: secrets are hidden. */
export function shownChannel(channel: Channel): Channel {
  switch (channel.type) {
    case 'mail':
      return { ...channel, password: channel.password === '' ? '' : HIDDEN };
    case 'webhook':
      return {
        ...channel,
        headers: Object.fromEntries(Object.keys(channel.headers).map((name) => [name, HIDDEN])),
      };
    case 'command':
      return channel;
  }
}
