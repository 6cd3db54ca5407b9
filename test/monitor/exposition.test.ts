import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseInfoText } from '../../src/base/info-text.js';
import { Prng } from '../../src/base/prng.js';
import { Exposition, type ExpositionFormat, wantedFormat } from '../../src/service/metrics/exposition.js';
import { InfoMetrics } from '../../src/service/metrics/info-metrics.js';
import { parseExposition, type ParsedFamily, valueOf } from './exposition-parser.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));
const NOW_MS = Date.UTC(2026, 0, 1);
const formats: readonly ExpositionFormat[] = ['prometheus', 'openmetrics'];

function expose(info: string, format: ExpositionFormat, labels = {}): Map<string, ParsedFamily> {
  const to = new Exposition();
  new InfoMetrics(to, labels).addInfo(parseInfoText(info), NOW_MS);
  return parseExposition(to.render(format), format);
}

const INFO = `# Server\r
redis_version:7.0.15\r
redis_mode:standalone\r
os:Linux "x" \\ y\r
tcp_port:6379\r
uptime_in_seconds:100\r
# Memory\r
used_memory:1000\r
maxmemory:0\r
# Persistence\r
rdb_last_bgsave_status:err\r
# Stats\r
latest_fork_usec:1234\r
keyspace_hits:7\r
# Replication\r
role:master\r
slave0:ip=10.0.0.2,port=6380,state=online,offset=90,lag=1\r
# CPU\r
used_cpu_sys:1.250000\r
# Commandstats\r
cmdstat_get:calls=3,usec=30,usec_per_call=10.00,rejected_calls=1,failed_calls=2\r
cmdstat_config|get:calls=1,usec=5,usec_per_call=5.00,rejected_calls=0,failed_calls=0\r
# Errorstats\r
errorstat_ERR:count=4\r
# Latencystats\r
latency_percentiles_usec_get:p50=0.001,p99=1.003,p99.9=3.007\r
# Keyspace\r
db0:keys=5,expires=2,avg_ttl=1500\r
`;

describe('metrics of a server', () => {
  for (const format of formats) {
    test(`have the names, labels and units of redis_exporter, as ${format}`, () => {
      const families = expose(INFO, format);
      const is = (name: string, value: number, labels = {}): void =>
        assert.equal(valueOf(families, name, labels), value, `${name} ${JSON.stringify(labels)}`);
      is('redis_memory_used_bytes', 1000);
      is('redis_memory_max_bytes', 0);
      is('redis_start_time_seconds', NOW_MS / 1000 - 100);
      is('redis_latest_fork_seconds', 0.001234);
      is('redis_keyspace_hits_total', 7);
      is('redis_cpu_sys_seconds_total', 1.25);
      is('redis_rdb_last_bgsave_status', 0);
      is('redis_connected_slave_offset_bytes', 90, { slave_ip: '10.0.0.2', slave_port: '6380', slave_state: 'online' });
      is('redis_connected_slave_lag_seconds', 1, { slave_ip: '10.0.0.2' });
      is('redis_commands_total', 3, { cmd: 'get' });
      is('redis_commands_total', 1, { cmd: 'config|get' });
      is('redis_commands_duration_seconds_total', 0.00003, { cmd: 'get' });
      is('redis_commands_failed_calls_total', 2, { cmd: 'get' });
      is('redis_errors_total', 4, { err: 'ERR' });
      is('redis_latency_percentiles_usec', 3.007, { cmd: 'get', quantile: '99.9' });
      is('redis_latency_percentiles_usec_count', 3, { cmd: 'get' });
      is('redis_db_keys', 5, { db: 'db0' });
      is('redis_db_keys_expiring', 2, { db: 'db0' });
      is('redis_db_avg_ttl_seconds', 1.5, { db: 'db0' });
      is('redis_instance_info', 1, { role: 'master', redis_version: '7.0.15', os: 'Linux "x" \\ y', tcp_port: '6379' });
    });

    test(`of a replica and a sentinel tell of their masters, as ${format}`, () => {
      const replica = expose(
        '# Replication\nrole:slave\nmaster_host:h\nmaster_port:1\nmaster_link_status:down\nmaster_last_io_seconds_ago:-1\nslave_repl_offset:9\nslave_read_only:1\n',
        format,
      );
      assert.equal(valueOf(replica, 'redis_master_link_up', { master_host: 'h', master_port: '1' }), 0);
      assert.equal(valueOf(replica, 'redis_slave_info', { read_only: '1' }), 1);
      const sentinel = expose(
        '# Sentinel\nsentinel_masters:1\nmaster0:name=m,status=odown,address=1.2.3.4:6379,slaves=2,sentinels=3\n',
        format,
      );
      assert.equal(valueOf(sentinel, 'redis_sentinel_masters'), 1);
      assert.equal(valueOf(sentinel, 'redis_sentinel_master_status', { master_name: 'm', master_status: 'odown' }), 0);
      assert.equal(valueOf(sentinel, 'redis_sentinel_master_sentinels', { master_address: '1.2.3.4:6379' }), 3);
    });

    test(`keep to the format whatever a server says, as ${format}`, () => {
      const random = new Prng(seed);
      const lines = INFO.split('\r\n');
      const alphabet = [
        '"',
        '\\',
        '{',
        '}',
        ',',
        '=',
        ':',
        '#',
        '\u0000',
        '\u2028',
        '\ufffd',
        ' ',
        'é',
        '1e308',
        '-1',
        'p50',
      ];
      for (let round = 0; round < 300; round++) {
        const text = lines
          .flatMap((line) => {
            const cut = random.below(line.length + 1);
            const noise = Array.from({ length: random.below(4) }, () => alphabet[random.below(alphabet.length)]!).join(
              '',
            );
            const kind = random.below(6);
            return kind === 0
              ? []
              : kind === 1
                ? [line, line]
                : kind === 2
                  ? [line.slice(0, cut) + noise + line.slice(cut)]
                  : [line];
          })
          .join('\r\n');
        try {
          expose(text, format, { instance: 'a"b\\c\nd' });
        } catch (error) {
          throw new Error(`seed ${seed}, round ${round}: ${String(error)}\n${text}`);
        }
      }
    });
  }

  test('come in the format that the Accept header names', () => {
    assert.equal(wantedFormat('text/plain'), 'prometheus');
    assert.equal(wantedFormat(''), 'prometheus');
    assert.equal(wantedFormat('Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5'), 'openmetrics');
  });
});

describe('the parser of this test', () => {
  test('refuses what the formats forbid', () => {
    const meta = '# HELP a_total h\n# TYPE a_total counter\n';
    for (const text of [
      `${meta}a_total 1`,
      `${meta}a_total 1\na_total 2\n`,
      `${meta}a_total{x="1",x="2"} 1\n`,
      `${meta}a_total -1\n`,
      `${meta}a_total one\n`,
      `${meta}\na_total 1\n`,
      `${meta}b 1\n`,
      meta,
      'a 1\n',
      '# HELP a h\n# TYPE a counter\na 1\n',
      `${meta}a_total 1\n# HELP b h\n# TYPE b gauge\nb 1\n${meta}a_total{x="1"} 1\n`,
      '# HELP a \\x\n# TYPE a gauge\na 1\n',
    ])
      assert.throws(() => parseExposition(text, 'prometheus'), Error, text);
    assert.throws(() => parseExposition(`${meta}a_total 1\n`, 'openmetrics'), /EOF/);
  });
});
