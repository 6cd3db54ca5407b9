// The ways in which alerts leave: a web server, a mail server and a program of this test get them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import {
  readChannel,
  type CommandChannel,
  type MailChannel,
  type WebhookChannel,
} from '../../src/monitor/alerts/channel.js';
import type { Notification } from '../../src/monitor/alerts/notification.js';
import { systemOutlets } from '../../src/monitor/outlets/system-outlets.js';

const notification: Notification = {
  kind: 'fired',
  rule: 'down',
  ruleName: 'Server is down',
  severity: 'critical',
  target: 'a',
  targetName: 'cache "1" $(id) é',
  text: 'does not answer\r\n.\r\nRCPT TO:<x@y>',
  value: null,
  at: Date.UTC(2026, 0, 1, 12),
  since: Date.UTC(2026, 0, 1, 11),
};
const LINE = `[ALERT] critical: ${notification.targetName}: Server is down: ${notification.text}`;

interface Got {
  readonly request: IncomingMessage;
  readonly body: string;
}

async function webServer(t: TestContext, status = 200, headers = {}): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  const server = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      got.push({ request, body });
      response.writeHead(status, headers).end('x'.repeat(1000));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`, got };
}

describe('a webhook', () => {
  const make = (more: object): WebhookChannel => readChannel({ id: 'w', type: 'webhook', ...more }) as WebhookChannel;

  test('gets the notification as JSON, with a text that chat servers show', async (t) => {
    const { url, got } = await webServer(t);
    await systemOutlets.webhook!(make({ url, headers: { 'X-Token': 'abc' } }), notification);
    const { request, body } = got[0]!;
    assert.equal(request.method, 'POST');
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.headers['x-token'], 'abc');
    const sent = JSON.parse(body) as Record<string, unknown>;
    assert.equal(sent.text, LINE);
    assert.equal(sent.message, notification.text);
    assert.equal(sent.severity, 'critical');
    assert.equal(sent.at, '2026-01-01T12:00:00.000Z');
  });

  test('gets a body of its own making, in which no word breaks out', async (t) => {
    const { url, got } = await webServer(t);
    await systemOutlets.webhook!(
      make({ url, body: '{"msgtype":"text","text":{"content":"{{line}} {{nothing}}"}}' }),
      notification,
    );
    const form = { url, contentType: 'application/x-www-form-urlencoded', body: 'text={{line}}&rule={{rule}}' };
    await systemOutlets.webhook!(make(form), notification);
    assert.deepEqual(JSON.parse(got[0]!.body), { msgtype: 'text', text: { content: `${LINE} {{nothing}}` } });
    assert.deepEqual(
      [...new URLSearchParams(got[1]!.body)],
      [
        ['text', LINE],
        ['rule', 'down'],
      ],
    );
  });

  test('that refuses, sends elsewhere, or is not there fails with the reason and without its path', async (t) => {
    const refusing = await webServer(t, 500);
    await assert.rejects(
      systemOutlets.webhook!(make({ url: refusing.url }), notification),
      /^Error: 127\.0\.0\.1:\d+: replied 500/,
    );
    const elsewhere = await webServer(t);
    const sending = await webServer(t, 302, { location: elsewhere.url });
    await assert.rejects(systemOutlets.webhook!(make({ url: sending.url }), notification), /replied 302/);
    assert.equal(elsewhere.got.length, 0);
    await assert.rejects(
      systemOutlets.webhook!(make({ url: 'http://127.0.0.1:1/secret' }), notification),
      (error: Error) => {
        assert.ok(!error.message.includes('secret'), error.message);
        return true;
      },
    );
  });
});

describe('a command', () => {
  const run = (script: string): CommandChannel =>
    readChannel({ id: 'c', type: 'command', program: process.execPath, args: ['-e', script] }) as CommandChannel;

  test('gets the notification on its input and in its environment, and no shell', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvasir-command-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'out');
    writeFileSync(path, '');
    const script = `const input = require('fs').readFileSync(0, 'utf8');
      require('fs').writeFileSync(${JSON.stringify(path)}, JSON.stringify([input, process.env.KVASIR_ALERT_TARGET_NAME, process.env.KVASIR_ALERT_LINE]))`;
    await systemOutlets.command!(run(script), notification);
    const [input, name, line] = JSON.parse(readFileSync(path, 'utf8')) as [string, string, string];
    assert.deepEqual(JSON.parse(input), notification);
    assert.equal(name, notification.targetName);
    assert.equal(line, LINE);
  });

  test('that fails, or is not there, fails with what it said', async () => {
    await assert.rejects(
      systemOutlets.command!(run('console.error("no modem"); process.exit(3)'), notification),
      /exit code 3 no modem/,
    );
    const missing = readChannel({ id: 'c', type: 'command', program: '/no/such/program' }) as CommandChannel;
    await assert.rejects(systemOutlets.command!(missing, notification), /ENOENT/);
  });

  test('need not read its input', async () => {
    await systemOutlets.command!(run('process.exit(0)'), { ...notification, text: 'x'.repeat(1 << 20) });
  });
});

/** A mail server that keeps the lines that it gets. */
async function mailServer(
  t: TestContext,
  offers: readonly string[] = [],
): Promise<{ port: number; said: string[]; mails: string[] }> {
  const said: string[] = [];
  const mails: string[] = [];
  const server = createServer((socket: Socket) => {
    let text = '';
    let inData = false;
    const reply = (line: string): void => void socket.write(`${line}\r\n`);
    socket.on('error', () => undefined);
    reply('220 mail.example ESMTP');
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const end = text.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end < 0) return;
        const line = text.slice(0, end);
        text = text.slice(end + (inData ? 5 : 2));
        if (inData) {
          inData = false;
          mails.push(line);
          reply('250 kept');
          continue;
        }
        said.push(line);
        const [word] = line.toUpperCase().split(/[ :]/, 1);
        if (word === 'EHLO')
          reply(['250-mail.example', ...offers.map((offer) => `250-${offer}`), '250 HELP'].join('\r\n'));
        else if (word === 'DATA') {
          inData = true;
          reply('354 go on');
        } else if (word === 'AUTH')
          reply(line.includes(Buffer.from('\0ann\0right').toString('base64')) ? '235 welcome' : '535 no');
        else if (word === 'STARTTLS') reply('502 not here');
        else if (word === 'QUIT') socket.end('221 bye\r\n');
        else reply('250 ok');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  return { port: (server.address() as { port: number }).port, said, mails };
}

describe('a mail', () => {
  const make = (port: number, more: object = {}): MailChannel =>
    readChannel({
      id: 'm',
      type: 'mail',
      host: '127.0.0.1',
      port,
      security: 'none',
      from: 'kvasir@example.org',
      to: ['ann@example.org', 'bob@example.org'],
      ...more,
    }) as MailChannel;

  test('has the alert as its subject and goes to everybody, and to nobody that a server names', async (t) => {
    const { port, said, mails } = await mailServer(t);
    await systemOutlets.mail!(make(port), notification);
    assert.deepEqual(
      said.filter((line) => /^(MAIL|RCPT)/.test(line)).map((line) => line.replace(/ (BODY|SMTPUTF8|SIZE).*/, '')),
      ['MAIL FROM:<kvasir@example.org>', 'RCPT TO:<ann@example.org>', 'RCPT TO:<bob@example.org>'],
    );
    const [mail] = mails;
    assert.equal(mails.length, 1);
    const head = mail!.slice(0, mail!.indexOf('\r\n\r\n'));
    assert.match(head, /^From: kvasir@example\.org$/m);
    assert.match(head, /^Subject: =\?UTF-8\?/im);
    assert.match(head, /^Auto-Submitted: auto-generated$/m);
    assert.ok(!/^RCPT/m.test(head), head);
  });

  test('goes with a login that is right, and fails with one that is wrong', async (t) => {
    const { port, mails } = await mailServer(t, ['AUTH PLAIN']);
    await systemOutlets.mail!(make(port, { user: 'ann', password: 'right' }), notification);
    assert.equal(mails.length, 1);
    await assert.rejects(
      systemOutlets.mail!(make(port, { user: 'ann', password: 'wrong' }), notification),
      (error: Error) => {
        assert.match(error.message, /^127\.0\.0\.1:\d+: .*535 no/);
        assert.ok(!error.message.includes('wrong'));
        return true;
      },
    );
  });

  test('does not go in the clear where encryption was asked for', async (t) => {
    const { port, said, mails } = await mailServer(t, ['AUTH PLAIN']);
    const wanted = make(port, { security: 'starttls', user: 'ann', password: 'right' });
    await assert.rejects(systemOutlets.mail!(wanted, notification), /^Error: 127\.0\.0\.1:\d+: /);
    assert.ok(!said.some((line) => line.startsWith('AUTH')), said.join('\n'));
    assert.deepEqual(mails, []);
  });

  test('that nobody takes fails with the reason', async () => {
    await assert.rejects(systemOutlets.mail!(make(1), notification), /127\.0\.0\.1:1: .*ECONNREFUSED/);
  });
});
