// run-codis: `kvasir-codis`: the parts of a codis as one program.
import { KVASIR_VERSION } from '../../base/version.js';
import type { CommandDeclaration } from '../../registry/command.js';

const usage = `Usage: kvasir-codis proxy ...        the proxy that clients use (codis-proxy)
       kvasir-codis dashboard ...    keeps groups, slots and proxies, and moves slots (codis-dashboard)
       kvasir-codis admin ...        asks and tells both (codis-admin)
       kvasir-codis --version

Each with the flags of its counterpart in codis 3.2: \`kvasir-codis proxy --help\` lists them. The servers of a codis are
kvasir-server with \`codis-enabled yes\`, or codis-server.
`;

/** Runs the program; resolves with the exit status when there is nothing to serve. */
export async function runCodis(
  words: readonly string[],
  declarations: readonly CommandDeclaration<never>[],
): Promise<number | undefined> {
  const [part, ...rest] = words;
  switch (part) {
    case 'proxy':
      return (await import('./run-codis-proxy.js')).runCodisProxy(rest, declarations);
    case 'dashboard':
      return (await import('./run-dashboard.js')).runDashboard(rest);
    case 'admin':
      return (await import('./run-admin.js')).runAdmin(rest);
    case '--version':
      process.stdout.write(`version: kvasir ${KVASIR_VERSION}, as codis 3.2\n`);
      return 0;
    case '--help':
    case '-h':
      process.stdout.write(usage);
      return 0;
    default:
      process.stderr.write(part === undefined ? usage : `kvasir-codis: unknown part ${part}\n${usage}`);
      return 1;
  }
}
