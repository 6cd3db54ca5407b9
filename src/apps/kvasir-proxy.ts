#!/usr/bin/env node
// kvasir-proxy: the proxy in front of many servers; see docs/proxy.md.
import type { CommandDeclaration } from '../registry/command.js';

const { runProxy } = await import('../proxy/process/run.js');
const { allDeclarations } = await import('../server/declarations.js');
const { showOldName } = await import('../service/process/title.js');
const { isDaemon, reportListening, startDaemon } = await import('../server/daemon.js');

showOldName();
const status = await runProxy(process.argv.slice(2), {
  declarations: allDeclarations as unknown as readonly CommandDeclaration<never>[],
  daemonize: () => (isDaemon ? Promise.resolve() : startDaemon('')),
  reportListening,
});
if (status !== undefined) process.exit(status);
