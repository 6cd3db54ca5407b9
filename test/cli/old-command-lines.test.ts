// Command lines of old guides, to the letter but for ports and folders, under the old names that `kvasir link` gives.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findFreePort, peerMissing } from '../peer.js';

const root = join(fileURLToPath(import.meta.url), '../../../..');
const run = promisify(execFile);

describe('old command lines under old names', { skip: process.platform === 'win32' ? 'no shell' : false }, () => {
  let folder: string;
  let port: number;
  let shellNumber = 0;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'old-lines-'));
    await run(process.execPath, [join(root, 'dist/bundle/kvasir.js'), 'link', join(folder, 'bin')]);
    port = await findFreePort();
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Runs a script in a folder of its own; what the servers of it leave behind must have ended with it. */
  async function shell(script: string): Promise<{ output: string; own: string }> {
    const own = join(folder, String(++shellNumber));
    const prelude = `
      mkdir ${own} && cd ${own}
      up() { until redis-cli -p ${port} ping 2>&1 | grep -qE 'PONG|NOAUTH'; do sleep 0.05; done; }
      down() { while kill -0 $1 2> /dev/null && ! grep -qs '^State:.Z' /proc/$1/status; do sleep 0.05; done; }
    `;
    const child = spawn('/bin/sh', ['-c', prelude + script.replaceAll('6379', String(port))], {
      env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += String(bytes)));
    await once(child, 'close');
    return { output: output.replaceAll(String(port), '6379'), own };
  }

  it('offers exactly the names of the documents', () => {
    assert.deepEqual(readdirSync(join(folder, 'bin')).sort(), [
      'nutcracker',
      'redis-benchmark',
      'redis-check-aof',
      'redis-check-dump',
      'redis-check-rdb',
      'redis-cli',
      'redis-dump',
      'redis-load',
      'redis-sentinel',
      'redis-server',
      'redis-trib.rb',
    ]);
  });

  it('redis-server > /dev/null &, then redis-cli and redis-cli shutdown', async () => {
    const { output } = await shell(`
      redis-server --port 6379 > /dev/null &
      up
      redis-cli -p 6379 set hx value
      redis-cli -p 6379 get hx
      redis-cli -h 127.0.0.1 -p 6379 shutdown
      wait $! && echo ended`);
    assert.equal(output, 'OK\nvalue\nended\n');
  });

  it('redis-server x.conf 1>log.log 2>errlog.log, ended by kill', async () => {
    const { output, own } = await shell(`
      printf 'port 6379\\nsave 900 1\\ndir ./\\nrequirepass foobared\\n' > redis.conf
      redis-server redis.conf 1>log.log 2>errlog.log &
      up
      redis-cli -h 127.0.0.1 -p 6379 -a foobared set hx value 2> warning
      kill $!
      wait $!
      echo ended`);
    assert.equal(output, 'OK\nended\n');
    const log = readFileSync(join(own, 'log.log'), 'utf8');
    assert.match(log, /Ready to accept connections/);
    assert.match(log, /Received SIGTERM scheduling shutdown/);
    assert.equal(readFileSync(join(own, 'errlog.log'), 'utf8'), '');
    assert.ok(existsSync(join(own, 'dump.rdb')));
  });

  it('a start that fails says so in errlog.log or on the terminal, with its status', async () => {
    const { output, own } = await shell(`
      printf 'prot 6379\\n' > redis.conf
      redis-server redis.conf 1>log.log 2>errlog.log
      echo "status $?"
      redis-server missing.conf > /dev/null
      echo "status $?"`);
    assert.equal(output, 'status 1\nstatus 1\n');
    assert.match(readFileSync(join(own, 'errlog.log'), 'utf8'), /FATAL CONFIG FILE ERROR[^]*>>> 'prot \d+'/);
  });

  it('nohup redis-server x.conf > x.log 2>&1 & outlives its shell', async () => {
    const { output } = await shell(`
      printf 'port 6379\\nsave ""\\npidfile x.pid\\n' > x.conf
      sh -c 'nohup redis-server x.conf > x.log 2>&1 &'
      up
      redis-cli -p 6379 ping
      pid=$(cat x.pid)
      redis-cli -c -h 127.0.0.1 -p 6379 shutdown
      down $pid
      grep -c 'ready to exit' x.log`);
    assert.equal(output, 'PONG\n1\n');
  });

  it('daemonize yes: the shell has its prompt back when the server answers', async () => {
    const { output } = await shell(`
      printf 'daemonize yes\\npidfile redis.pid\\nport 6379\\ntimeout 300\\nloglevel verbose\\nlogfile redis.log\\nsave ""\\n' > redis.conf
      redis-server redis.conf && redis-cli -p 6379 ping
      pid=$(cat redis.pid)
      kill -0 $pid && echo runs
      redis-cli -p 6379 shutdown nosave
      down $pid
      ls`);
    assert.equal(output, 'PONG\nruns\nredis.conf\nredis.log\n');
  });

  it(
    'ps -ef | grep redis, pgrep, pidof and killall find server, sentinel and proxy by their old names',
    { skip: peerMissing('ps', 'pgrep', 'pidof', 'awk') },
    async () => {
      // Others on this machine have servers too, so that what is found is looked through for ours, and nothing is killed by name.
      const { output } = await shell(`
        printf 'port 6379\\nsave ""\\npidfile x.pid\\ndaemonize yes\\n' > x.conf
        redis-server x.conf
        pid=$(cat x.pid)
        ps -ef > all
        grep -a redis all | awk -v pid=$pid '$2 == pid' | grep -o 'redis-server .*:6379'
        for found in "$(pgrep redis-server)" "$(pgrep -x redis-server)" "$(pidof redis-server)"; do
          echo $found | tr ' ' '\\n' | grep -qx $pid && echo found
        done
        redis-cli -p 6379 bgsave
        until redis-cli -p 6379 info persistence | grep -q rdb_bgsave_in_progress:0; do :; done
        redis-cli -p 6379 config get proc-title-template | tail -1
        redis-cli -p 6379 shutdown nosave
        down $pid
        ls dump.rdb
        printf 'port 6379\\ndaemonize yes\\npidfile s.pid\\nlogfile s.log\\n' > sentinel.conf
        redis-sentinel sentinel.conf
        ps -o comm=,args= -p $(cat s.pid)
        pgrep -x redis-sentinel | grep -qx $(cat s.pid) && echo found
        kill $(cat s.pid)
        printf 'alpha:\\n  listen: 127.0.0.1:6379\\n  redis: true\\n  servers:\\n   - 127.0.0.1:1:1\\n' > n.yml
        nutcracker -d -c n.yml -o n.log -p n.pid -s 0
        ps -o comm=,args= -p $(cat n.pid)
        pgrep -x nutcracker | grep -qx $(cat n.pid) && echo found
        kill $(cat n.pid)`);
      assert.equal(
        output.replace(/ +/g, ' '),
        'redis-server *:6379\nfound\nfound\nfound\nBackground saving started\n{title} {listen-addr} {server-mode}\ndump.rdb\n' +
          'redis-sentinel redis-sentinel *:6379 [sentinel]\nfound\n' +
          'nutcracker nutcracker -d -c n.yml -o n.log -p n.pid -s 0\nfound\n',
      );
    },
  );

  it('redis-sentinel sentinel.conf, redis-cli info Sentinel', async () => {
    const { output } = await shell(`
      printf 'port 6379\\ndaemonize yes\\nlogfile s.log\\npidfile s.pid\\nsentinel monitor master1 127.0.0.1 1 1\\n' > sentinel.conf
      redis-sentinel sentinel.conf
      redis-cli -p 6379 info Sentinel | grep -o 'name=master1'
      kill $(cat s.pid)`);
    assert.equal(output, 'name=master1\n');
  });

  it('nutcracker -t -c, redis-dump | redis-load, redis-check-aof, redis-check-dump, redis-trib.rb help', async () => {
    const { output } = await shell(`
      printf 'alpha:\\n  listen: 127.0.0.1:1\\n  redis: true\\n  servers:\\n   - 127.0.0.1:6379:1\\n' > n.yml
      nutcracker -t -c n.yml
      redis-server --port 6379 --daemonize yes --appendonly yes --pidfile r.pid
      redis-cli -p 6379 set a 1
      redis-cli -p 6379 save
      redis-dump -u 127.0.0.1:6379 > data.json
      redis-cli -p 6379 flushall
      redis-load -u 127.0.0.1:6379 < data.json
      redis-cli -p 6379 get a
      pid=$(cat r.pid)
      redis-cli -p 6379 shutdown
      down $pid
      redis-check-aof appendonlydir/appendonly.aof.manifest | tail -1
      redis-check-dump dump.rdb | grep -c 'RDB looks OK'
      redis-trib.rb help | head -1`);
    assert.match(
      output,
      /^nutcracker: configuration file 'n.yml' syntax is ok\nOK\nOK\nOK\n1\nAll AOF files and manifest are valid\n1\nUsage: redis-trib <command>/,
    );
  });
});
