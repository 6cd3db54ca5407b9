#!/usr/bin/env node
// kvasir-sentinel: the sentinel as a process. Options that only print something do not load it.
import { KVASIR_VERSION, SERVER_VERSION } from '../base/version.js';

const usage = `Usage: kvasir-sentinel /path/to/sentinel.conf [options]
       kvasir-sentinel --events /path/to/sentinel.conf [count] [--json]
       kvasir-sentinel -v or --version
       kvasir-sentinel -h or --help

The config file is rewritten while the sentinel runs, so it must be writable, and so must its folder.
--events shows what happened last, from the file that the sentinel keeps beside its config file.

Examples:
       kvasir-sentinel /etc/redis/sentinel.conf
       kvasir-sentinel /etc/redis/sentinel.conf --port 26380 --loglevel verbose
       kvasir-sentinel --events /etc/redis/sentinel.conf 100 --json
`;

const args = process.argv.slice(2);
const onlyWord = args.length === 1 ? args[0] : undefined;
if (onlyWord === '-v' || onlyWord === '--version') {
  process.stdout.write(
    `Redis server v=${SERVER_VERSION} sha=00000000:0 malloc=arena bits=64 build=kvasir-${KVASIR_VERSION}\n`,
  );
} else if (onlyWord === '-h' || onlyWord === '--help') {
  process.stdout.write(usage);
} else if (args[0] === '--events') {
  const { showEvents } = await import('../sentinel/show-events.js');
  process.exitCode = showEvents(args.slice(1));
} else {
  const { runSentinel } = await import('../sentinel/process.js');
  const daemon = await import('../server/daemon.js');
  const { Supervisor } = await import('../server/supervisor.js');
  await runSentinel(
    args.filter((word) => word !== '--sentinel'),
    {
      isDaemon: daemon.isDaemon,
      start: daemon.startDaemon,
      reportListening: daemon.reportListening,
      reportFailure: daemon.reportFailure,
      supervisor: (kind, log) => Supervisor.of(kind, process.env, log),
    },
  );
}
