// status-page: how a synchronisation stands, by HTTP: a page for people, JSON, and Prometheus text.

import { createServer, type Server } from 'node:http';

export type Status = Readonly<Record<string, string | number>>;

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

export function prometheusText(status: Status): string {
  let text = '';
  for (const [name, value] of Object.entries(status)) {
    if (typeof value !== 'number') continue;
    const metric = `kvasir_sync_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    text += `# TYPE ${metric} gauge\n${metric} ${value}\n`;
  }
  return text;
}

export function statusPage(status: Status): string {
  const rows = Object.entries(status)
    .map(([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(String(value))}</td></tr>`)
    .join('\n');
  return `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>kvasir-sync</title>
<style>body{font:16px system-ui;margin:2em}th{text-align:left;padding-right:2em}</style>
<h1>kvasir-sync</h1><table>
${rows}
</table>
`;
}

export function serveStatus(port: number, host: string, status: () => Status): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const reply = (type: string, body: string, code = 200): void => {
      response.writeHead(code, { 'content-type': type });
      response.end(body);
    };
    if (path === '/metrics') reply('text/plain; version=0.0.4', prometheusText(status()));
    else if (path === '/status.json') reply('application/json', `${JSON.stringify(status())}\n`);
    else if (path === '/') reply('text/html; charset=utf-8', statusPage(status()));
    else reply('text/plain', 'not found\n', 404);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}
