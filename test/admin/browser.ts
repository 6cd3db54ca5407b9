// browser: Debian's chromium for the tests of the page, driven by playwright-core, and axe-core to look for faults of access.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findProgram } from '../peer.js';

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram('chromium')!,
    // Tests run as root in CI, where chromium's sandbox refuses to start.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--font-render-hinting=none'],
  });
}

/** Silent faults of a page: errors of scripts, refusals of the policy, requests to elsewhere. */
export function watchFaults(page: Page, origin: string): string[] {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused|Uncaught/.test(message.text()))
      faults.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:') && !request.url().startsWith('blob:'))
      faults.push(`request to ${request.url()}`);
  });
  return faults;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { target: readonly string[]; failureSummary: string }[];
}

/** The serious faults that axe finds, as lines, in the colours of the page and, as to contrast, in the other ones. */
export async function seriousFaults(page: Page): Promise<string[]> {
  const faults = await faultsBy(page, {});
  const theme = await page.evaluate<string>('document.documentElement.dataset.theme');
  const show = (name: string): Promise<void> =>
    page.evaluate(`void (document.documentElement.dataset.theme = '${name}')`);
  const other = theme === 'dark' ? 'light' : 'dark';
  await show(other);
  for (const fault of await faultsBy(page, { runOnly: ['color-contrast'] })) faults.push(`${other} colours: ${fault}`);
  await show(theme);
  return faults;
}

/** The serious faults of one state of the page. `options` are axe's. */
export async function faultsBy(page: Page, options: Readonly<Record<string, unknown>>): Promise<string[]> {
  // By the debugger and not as a script of the page, which its policy would refuse.
  if (!(await page.evaluate("'axe' in globalThis"))) await page.evaluate(axe);
  const all = JSON.stringify({ resultTypes: ['violations'], preload: false, ...options });
  const violations = await page.evaluate(
    `axe.run(document, ${all}).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ target, failureSummary }) => ({ target, failureSummary })) })))`,
  );
  return (violations as Violation[])
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes
        .slice(0, 3)
        .map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary.replace(/\s+/g, ' ')}`),
    );
}
