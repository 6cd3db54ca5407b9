// status-page: how a synchronization stands, by HTTP: a page for people, JSON, Prometheus text; POST /pause and /resume.

import { createServer } from 'node:http';
import type { Sync, SyncEnvironment } from '../engine/sync.js';

const helps: Readonly<Record<string, readonly [type: 'gauge' | 'counter', help: string]>> = {
  lagSeconds: ['gauge', 'Seconds that the keys are behind the source.'],
  lagBytes: ['gauge', 'Bytes of the binlog that have come and are not applied.'],
  rowsApplied: ['counter', 'Row changes that were applied.'],
  commandsApplied: ['counter', 'Commands that were sent to the target.'],
  batches: ['counter', 'Transactions of the target.'],
  snapshots: ['counter', 'Tables that were read whole.'],
  snapshotRows: ['counter', 'Rows that were read by snapshots.'],
  bytesRead: ['counter', 'Bytes of the binlog that were read.'],
  reconnects: ['counter', 'Times that the source or the target was lost.'],
  isFollowing: ['gauge', '1 while the binlog is followed.'],
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

export function metricsText(status: Readonly<Record<string, string | number>>): string {
  let text = '';
  const label = `{name=${JSON.stringify(String(status.name))}}`;
  for (const [name, [type, help]] of Object.entries(helps)) {
    const base = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const metric = `kvasir_mysql_${base}${type === 'counter' ? '_total' : ''}`;
    text += `# HELP ${metric} ${help}\n# TYPE ${metric} ${type}\n${metric}${label} ${status[name] ?? 0}\n`;
  }
  return text;
}

function page(status: Readonly<Record<string, string | number>>): string {
  const rows = Object.entries(status)
    .map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`)
    .join('\n');
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>kvasir-mysql ${escapeHtml(String(status.name))}</title>
<style>body{font:16px system-ui;margin:2em}th{text-align:left;padding-right:2em}td{font-family:monospace}</style>
<h1>kvasir-mysql</h1><table>
${rows}
</table>
`;
}

/** Returns what closes it. */
export function openStatusPage(
  port: number,
  host: string,
  sync: Sync,
  environment: SyncEnvironment,
): Promise<() => void> {
  const server = createServer((request, response) => {
    const reply = (type: string, body: string, code = 200): void => {
      response.writeHead(code, { 'content-type': type });
      response.end(body);
    };
    const { status } = sync.progress;
    switch (`${request.method} ${request.url}`) {
      case 'GET /metrics':
        reply('text/plain; version=0.0.4', metricsText(status));
        return;
      case 'GET /status.json':
        reply('application/json', `${JSON.stringify(status)}\n`);
        return;
      case 'GET /':
        reply('text/html; charset=utf-8', page(status));
        return;
      case 'POST /pause':
      case 'POST /resume':
        sync.pause(request.url === '/pause');
        reply('text/plain', 'OK\n');
        return;
      default:
        reply('text/plain', 'not found\n', 404);
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object')
        environment.say(`status page at http://${host}:${address.port}/`);
      resolve(() => {
        server.close();
        server.closeAllConnections();
      });
    });
  });
}
