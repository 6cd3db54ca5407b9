#!/usr/bin/env node
// kvasir-server: the data server as a process. Options that only print something do not load the server.
import { KVASIR_VERSION, SERVER_VERSION } from '../base/version.js';

const usage = `Usage: kvasir-server [/path/to/redis.conf] [options] [-]
       kvasir-server - (read config from stdin)
       kvasir-server -v or --version
       kvasir-server -h or --help
       kvasir-server --check-config [/path/to/redis.conf] [options]
       kvasir-server --explain-config FILE... [--json | --convert] [--kind KIND]
       kvasir-server /path/to/sentinel.conf --sentinel
       kvasir-server [...] --admin-port PORT (with kvasir-admin's page on 127.0.0.1)
       kvasir-server keepalived-notify --peer HOST:PORT master|backup|fault

Examples:
       kvasir-server (run the server with default conf)
       echo 'maxmemory 128mb' | kvasir-server -
       kvasir-server /etc/redis/6379.conf
       kvasir-server --port 7777
       kvasir-server --port 7777 --replicaof 127.0.0.1 8888
       kvasir-server /etc/myredis.conf --loglevel verbose -
       kvasir-server /etc/myredis.conf --loglevel verbose
`;

const args = process.argv.slice(2);
const adminAt = args.indexOf('--admin-port');
const adminPort = adminAt < 0 ? undefined : args.splice(adminAt, 2)[1];
const onlyWord = args.length === 1 ? args[0] : undefined;
if (onlyWord === '-v' || onlyWord === '--version') {
  process.stdout.write(
    `Redis server v=${SERVER_VERSION} sha=00000000:0 malloc=arena bits=64 build=kvasir-${KVASIR_VERSION}\n`,
  );
} else if (onlyWord === '-h' || onlyWord === '--help') {
  process.stdout.write(usage);
} else if (args[0] === 'keepalived-notify') {
  const { notifyFromKeepalived } = await import('../sentinel/keepalived-notify.js');
  const say = (text: string): void => void process.stderr.write(text);
  process.exitCode = await notifyFromKeepalived(args.slice(1), process.env.REDISCLI_AUTH ?? '', say);
} else if (args.includes('--sentinel')) {
  await import('./kvasir-sentinel.js');
} else if (args[0] === '--explain-config') {
  const { explainConfig } = await import('../doctor/explain-config.js');
  process.exitCode = explainConfig(args.slice(1), (text) => process.stdout.write(text));
} else {
  const { runServer } = await import('../server/process.js');
  const { attachCluster } = await import('../cluster/cluster.js');
  if (adminAt >= 0 && !/^\d{1,5}$/.test(adminPort ?? '')) {
    process.stderr.write('kvasir-server: --admin-port wants a port\n');
    process.exit(2);
  }
  const { server } = await runServer(args, attachCluster);
  if (adminPort !== undefined) {
    const { startBeside } = await import('../admin/beside-server.js');
    const host = server.config.special('bind').value.find((address) => /^\d+[.\d]+$/.test(address)) ?? '127.0.0.1';
    const password = server.config.text('requirepass').value;
    const log = (level: 'warning', text: string): void => server.log(level, text);
    const local = {
      host: host === '0.0.0.0' ? '127.0.0.1' : host,
      port: server.config.number('port').value,
      password,
      log,
    };
    startBeside(local, adminPort, new URL('./kvasir-admin.js', import.meta.url));
  }
}
