// pictures: the pictures of README.md, in docs/pictures: the admin page by a browser, and the command line as it answers.
//   npm run pictures
//
// Needs chromium on the PATH. Everything shown is real: a server with made-up keys, the page, and replies of kvasir-cli. The
// command line is drawn as SVG, so that it stays sharp and small.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAdmin } from '../dist/src/admin/admin.js';
import { startServer } from '../dist/src/embed/start-server.js';
import { systemEnvironment } from '../dist/src/io/environment.js';
import { openBrowser } from '../dist/test/admin/browser.js';
import { openExample } from './pictures/example.mjs';

const folder = 'docs/pictures';
const password = 'only for pictures';

/** The lines typed at the prompt of the picture. */
const session = [
  'SET greeting "hello" EX 60',
  'TTL greeting',
  'ZREVRANGE leaderboard 0 2 WITHSCORES',
  'HGETALL user:1',
  'GEOSEARCH places FROMMEMBER Oslo BYRADIUS 1500 km ASC WITHDIST',
  'EVAL "return redis.call(\'INCRBY\', KEYS[1], 5)" 1 counter',
  'XLEN events',
  'INCR greeting',
];

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** A terminal with these lines; a line with a prompt has its parts in colours. */
function terminal(lines) {
  const [left, top, height, width] = [18, 46, 19, 760];
  const rows = lines.map((line, index) => {
    const [, prompt, typed] = /^(\S+> )(.*)$/.exec(line) ?? [];
    const content =
      prompt === undefined
        ? `<tspan fill="${line.startsWith('(error)') ? '#f28b82' : '#c9d1d9'}">${escaped(line)}</tspan>`
        : `<tspan fill="#7ee787">${escaped(prompt)}</tspan><tspan fill="#ffffff">${escaped(typed)}</tspan>`;
    return `<text x="${left}" y="${top + index * height}" xml:space="preserve">${content}</text>`;
  });
  const full = top + lines.length * height;
  const dots = ['#ff5f56', '#ffbd2e', '#27c93f'].map(
    (fill, index) => `<circle cx="${20 + index * 18}" cy="16" r="5.5" fill="${fill}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${full}" viewBox="0 0 ${width} ${full}" role="img" aria-label="kvasir-cli in a terminal">
<rect width="${width}" height="${full}" rx="8" fill="#161b22"/>
${dots.join('')}
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13.5">
${rows.join('\n')}
</g>
</svg>
`;
}

const server = await startServer({ port: 0 });
const data = mkdtempSync(join(tmpdir(), 'kvasir-pictures-'));
const admin = await startAdmin({
  environment: systemEnvironment,
  host: '127.0.0.1',
  port: 0,
  dataFolder: data,
  pageFolder: 'dist/bundle/admin',
  keepsHistory: true,
  servers: [{ fields: { name: 'cache', nodes: [`127.0.0.1:${server.port}`], separator: ':' }, password: undefined }],
  log: (text) => process.stderr.write(`${text}\n`),
});
const browser = await openBrowser();
try {
  mkdirSync(folder, { recursive: true });
  const page = await browser.newPage({ viewport: { width: 1120, height: 640 } });
  await openExample(page, admin.setupUrl, password);
  await page.evaluate(() => localStorage.setItem('theme', 'light'));
  await page.goto('about:blank');
  await page.goto(`${admin.url}#/s/given1/keys`);
  await page.getByRole('treeitem').filter({ hasText: 'leaderboard' }).click();
  await page.getByText('player-0').first().waitFor();
  await page.screenshot({ path: join(folder, 'admin.png') });

  const lines = [];
  for (const typed of session) {
    // As in a shell: words, and quotes around words with blanks.
    const words = [...typed.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
    const program = ['dist/bundle/kvasir-cli.js', '-p', String(server.port), '--no-raw', ...words];
    // The server has to go on meanwhile, which is in this process.
    const reply = await new Promise((resolve, reject) => {
      execFile(process.execPath, program, (error, stdout, stderr) =>
        error !== null && stdout === '' ? reject(error) : resolve(stdout + stderr),
      );
    });
    lines.push(`127.0.0.1:6379> ${typed}`, ...reply.trimEnd().split('\n'));
  }
  writeFileSync(join(folder, 'cli.svg'), terminal(lines));
} finally {
  await browser.close();
  await admin.close();
  await server.close();
  rmSync(data, { recursive: true });
}
for (const name of ['admin.png', 'cli.svg'])
  process.stdout.write(`${join(folder, name)}: ${Math.ceil(statSync(join(folder, name)).size / 1024)} KB\n`);
