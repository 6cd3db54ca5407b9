// Every type of column: what the decoder reads from the binlog is what a SELECT gives, and what the program mariadb prints.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BinlogEvent } from '../../src/mysql/binlog/event.js';
import { EventDecoder } from '../../src/mysql/binlog/event-decoder.js';
import { type RowChange, readRows } from '../../src/mysql/binlog/rows.js';
import type { SourceConfig } from '../../src/mysql/config/sync-config.js';
import { BinlogDump } from '../../src/mysql/source/binlog-dump.js';
import { readEnd, readFacts } from '../../src/mysql/source/server-facts.js';
import { SourceConnection } from '../../src/mysql/source/source-connection.js';
import { fits, readCollations, readSchemas, schemaOfMap } from '../../src/mysql/source/table-schema.js';
import { readTextValue } from '../../src/mysql/source/text-value.js';
import { zoneOf } from '../../src/mysql/values/time-zone.js';
import { valueText } from '../../src/mysql/values/value-text.js';
import { mariadbMissing, startMariadb, type Mariadb } from './mariadb.js';

/** Columns with values to insert, as SQL. Binary ones are compared as hexadecimal digits. */
const columns: readonly (readonly [type: string, values: readonly string[], isBinary?: boolean])[] = [
  ['TINYINT', ['-128', '127', '0']],
  ['TINYINT UNSIGNED', ['255', '0', '128']],
  ['SMALLINT', ['-32768', '32767', '-1']],
  ['SMALLINT UNSIGNED', ['65535', '32768', '0']],
  ['MEDIUMINT', ['-8388608', '8388607', '-1']],
  ['MEDIUMINT UNSIGNED', ['16777215', '8388608', '0']],
  ['INT', ['-2147483648', '2147483647', '0']],
  ['INT UNSIGNED', ['4294967295', '2147483648', '0']],
  ['INT(7) UNSIGNED ZEROFILL', ['42', '12345678', '0']],
  ['BIGINT', ['-9223372036854775808', '9223372036854775807', '9007199254740993']],
  ['BIGINT UNSIGNED', ['18446744073709551615', '9007199254740993', '0']],
  ['DECIMAL(10,2)', ['-12345678.90', '0.05', '-0.01']],
  ['DECIMAL(65,30)', ['12345678901234567890123456789012345.123456789012345678901234567890', '-1e-30', '0']],
  ['DECIMAL(9,0)', ['999999999', '-999999999', '7']],
  ['DECIMAL(8,3) UNSIGNED ZEROFILL', ['1.5', '99999.999', '0']],
  ['FLOAT', ['3.14159274', '-1e20', '1.17549e-38']],
  ['FLOAT(7,3)', ['3.14159', '-1234.5', '0']],
  ['DOUBLE', ['0.1', '-1.7976931348623157e308', '123456789012345680000']],
  ['DOUBLE', ['1e15', '1e14', '0.000000000000001']],
  ['DOUBLE', ['2.5e-16', '123456.789', '-0.5']],
  ['DOUBLE(12,2)', ['1.005', '-99999.999', '0']],
  ['BIT(1)', ["b'1'", "b'0'", "b'1'"]],
  ['BIT(13)', ["b'1010101010101'", "b'0'", "b'1111111111111'"]],
  ['BIT(64)', ["b'1111111111111111111111111111111111111111111111111111111111111111'", "b'0'", "b'1'"]],
  ['DATE', ["'2024-02-29'", "'0000-00-00'", "'9999-12-31'"]],
  ['YEAR', ['1901', '2155', '0']],
  ['TIME', ["'838:59:59'", "'-838:59:59'", "'00:00:01'"]],
  ['TIME(1)', ["'-00:00:00.1'", "'12:34:56.7'", "'-01:00:00.9'"]],
  ['TIME(3)', ["'-00:00:00.001'", "'12:34:56.789'", "'-838:59:58.999'"]],
  ['TIME(6)', ["'-00:00:00.000001'", "'12:34:56.789012'", "'838:59:59.999999'"]],
  ['DATETIME', ["'2024-02-29 23:59:59'", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'"]],
  ['DATETIME(2)', ["'2024-02-29 23:59:59.12'", "'1000-01-01 00:00:00.00'", "'9999-12-31 23:59:59.99'"]],
  ['DATETIME(6)', ["'2024-02-29 23:59:59.123456'", "'0000-00-00 00:00:00.000000'", "'2000-00-00 00:00:00.000001'"]],
  ['TIMESTAMP NULL', ["'2024-03-31 01:30:00'", "'1970-01-01 00:00:01'", "'0000-00-00 00:00:00'"]],
  ['TIMESTAMP(4) NULL', ["'2024-03-31 01:30:00.1234'", "'2038-01-19 03:14:07.9999'", "'0000-00-00 00:00:00'"]],
  ['TIMESTAMP(6) NULL', ["'2024-03-31 01:30:00.123456'", "'1970-01-01 00:00:01.000001'", "'2000-01-01 00:00:00'"]],
  ['VARCHAR(500) COMPRESSED', [`REPEAT('abc', 150)`, "''", "'short'"]],
  ['CHAR(10)', ["'abc  '", "''", "'ünïcödé😀'"]],
  ['CHAR(255)', [`'${'ß'.repeat(255)}'`, "'x'", "''"]],
  ['CHAR(20) CHARACTER SET latin1', ["'Größe €'", "'x'", "''"]],
  ['VARCHAR(30)', ["'trailing  '", "'tab\\tand\\nline'", "'漢字😀'"]],
  ['VARCHAR(500)', [`'${'é'.repeat(400)}'`, "''", "'x'"]],
  ['VARCHAR(30) CHARACTER SET latin1', ["'Größe € Š'", "''", "'x'"]],
  ['VARCHAR(30) CHARACTER SET gbk', ["'中文字符'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET big5', ["'中文'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET sjis', ["'日本語ｶﾅ'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET euckr', ["'한국어'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET ujis', ["'日本語'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET cp1251', ["'Привет'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET koi8r', ["'Привет'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET greek', ["'Ελληνικά'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET latin2', ["'Łódź'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET tis620', ["'ภาษาไทย'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET ucs2', ["'Ω漢'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET utf16', ["'Ω漢😀'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET utf32', ["'Ω漢😀'", "'a'", "''"]],
  ['VARCHAR(30) CHARACTER SET utf8mb3', ["'Ω漢'", "'a'", "''"]],
  ['BINARY(8)', ["X'0001FF00'", "X''", "X'FFFFFFFFFFFFFFFF'"], true],
  ['VARBINARY(300)', ["X'00FF00'", "X''", "X'20202000'"], true],
  ['TINYTEXT', ["'tiny'", "''", "'é'"]],
  ['TEXT', [`'${'text '.repeat(200)}'`, "''", "'é'"]],
  ['MEDIUMTEXT', [`REPEAT('漢', 30000)`, "''", "'é'"]],
  ['LONGTEXT', ["'long'", "''", "'é'"]],
  ['TINYBLOB', ["X'00FF'", "X''", "X'20'"], true],
  ['BLOB', ["X'00FF'", "X''", `REPEAT(X'AB', 3000)`], true],
  ['MEDIUMBLOB', ["X'00FF'", "X''", `REPEAT(X'AB', 70000)`], true],
  ['LONGBLOB', ["X'00FF'", "X''", "X'20'"], true],
  ["ENUM('new','it''s','ünï,cödé')", ["'new'", "'it''s'", "'ünï,cödé'"]],
  ["SET('a','b','c','d','e','f','g','h','ï')", ["'a,c,ï'", "''", "'h'"]],
  ['JSON', [`'{"b": [1, 2.50, "x"], "a": null}'`, "'[]'", `'"text"'`]],
  ['POINT', ['POINT(1.5, -2)', 'POINT(0, 0)', 'POINT(1e10, 3)'], true],
  [
    'GEOMETRY',
    ["ST_GeomFromText('POLYGON((0 0,4 0,4 4,0 4,0 0))')", 'POINT(1, 1)', "ST_GeomFromText('LINESTRING(0 0,1 1)')"],
    true,
  ],
  [
    'UUID',
    [
      "'123e4567-e89b-12d3-a456-426614174000'",
      "'00112233-4455-6677-8899-aabbccddeeff'",
      "'ffffffff-ffff-4fff-bfff-ffffffffffff'",
    ],
  ],
  ['INET6', ["'2001:db8::ff00:42:8329'", "'::'", "'::ffff:192.0.2.1'"]],
  ['INET4', ["'192.0.2.1'", "'0.0.0.0'", "'255.255.255.255'"]],
  ['TEXT COMPRESSED', [`REPEAT('漢字', 1000)`, "''", "'short'"]],
  ['BLOB COMPRESSED', [`REPEAT(X'00AB', 1000)`, "X''", "X'00'"], true],
];

const zone = zoneOf('+00:00')!;

function configOf(maria: Mariadb): SourceConfig {
  return {
    hosts: [{ host: '127.0.0.1', port: maria.port }],
    socket: undefined,
    user: 'root',
    password: '',
    serverId: 7001,
    tls: undefined,
    timeZone: '+00:00',
    statementEvents: 'stop',
    ddl: 'follow',
    cascades: 'ignore',
    heartbeatSeconds: 1,
    resnapshotSeconds: 1,
  };
}

/** The rows that a statement leaves in the binlog, with the events they came in. */
async function follow(
  maria: Mariadb,
  run: () => Promise<void>,
): Promise<{ events: BinlogEvent[]; connection: SourceConnection }> {
  const config = configOf(maria);
  const address = { host: '127.0.0.1', port: maria.port, socket: undefined };
  const connection = await SourceConnection.open(config, address);
  await connection.rows("SET SESSION time_zone = '+00:00'");
  const facts = await readFacts(connection);
  const start = await readEnd(connection, facts);
  await run();
  const end = await readEnd(connection, facts);
  const dumpConnection = await SourceConnection.open(config, address);
  const dump = await BinlogDump.open(dumpConnection, {
    flavor: facts.flavor,
    serverId: 7001,
    start,
    heartbeatSeconds: 1,
    hasChecksums: facts.hasChecksums,
    byGtid: false,
  });
  const decoder = new EventDecoder(facts.hasChecksums);
  const events: BinlogEvent[] = [];
  for (let position = 0; position < end.offset;) {
    decoder.decode(await dump.next(), (event) => {
      events.push(event);
      position = Math.max(position, event.header.endPosition);
    });
  }
  dump.close();
  return { events, connection };
}

async function compare(maria: Mariadb, list: typeof columns, useMapNames: boolean): Promise<void> {
  const names = list.map((_, index) => `c${index}`);
  const insert = (row: number): string => `(${row}, ${list.map(([, values]) => values[row]!).join(', ')})`;
  await maria.sql(
    "SET SESSION time_zone = '+00:00', sql_mode = ''; CREATE DATABASE IF NOT EXISTS types; USE types; DROP TABLE IF EXISTS t;" +
      `CREATE TABLE t (id INT PRIMARY KEY, ${list.map(([type], index) => `${names[index]!} ${type}${type.endsWith('NULL') ? '' : ' NULL'}`).join(', ')}) CHARACTER SET utf8mb4`,
  );
  const { events, connection } = await follow(maria, async () => {
    await maria.sql(`INSERT INTO t VALUES ${insert(0)}, ${insert(1)}, ${insert(2)}; INSERT INTO t (id) VALUES (3)`);
    await maria.sql(
      'UPDATE t SET id = id + 10 ORDER BY id DESC; DELETE FROM t WHERE id = 13; INSERT INTO t (id) VALUES (13)',
    );
  });
  try {
    const schema = (await readSchemas(connection, [{ database: 'types', table: 't' }])).get('types.t')!;
    const collations = await readCollations(connection);
    const changes: RowChange[] = [];
    for (const event of events) {
      if (event.kind !== 'rows') continue;
      const named = useMapNames ? schemaOfMap(event.map!, schema, collations) : schema;
      assert.ok(named !== undefined, 'the table map has names');
      assert.ok(fits(event.map!, schema), 'the schema fits the table map');
      changes.push(...readRows(event.head, event.map!, named.columns, zone));
    }
    assert.equal(changes.length, 4 + 4 + 1 + 1);
    const selected = await connection.rows('SELECT * FROM types.t ORDER BY id');
    const shown = await maria.client(
      `SET time_zone = '+00:00'; SELECT ${list.map(([type, , isBinary], index) => (isBinary === true ? `HEX(${names[index]!})` : type.startsWith('BIT') ? `${names[index]!} + 0` : names[index]!)).join(', ')} FROM types.t ORDER BY id`,
    );
    for (const [row, change] of [changes[0]!, changes[1]!, changes[2]!, changes[3]!].entries()) {
      for (const [index, [type, values, isBinary]] of list.entries()) {
        const label = `${type} ${row < 3 ? values[row]!.slice(0, 60) : 'NULL'}`;
        const value = change.after![index + 1]!;
        const column = schema.columns[index + 1]!;
        assert.deepEqual(value, readTextValue(selected[row]![index + 1]!, column, zone), `${label}: binlog and SELECT`);
        const text =
          value === null
            ? 'NULL'
            : value instanceof Uint8Array
              ? Buffer.from(value).toString('hex').toUpperCase()
              : valueText(value);
        if (value === null || isBinary === true || !(value instanceof Uint8Array))
          assert.equal(text, shown[row]![index], `${label}: binlog and the program mariadb`);
        // The images of the update and of the delete.
        assert.deepEqual(changes[7 - row]!.before![index + 1], value, `${label}: image before an update`);
        assert.deepEqual(changes[7 - row]!.after![index + 1], value, `${label}: image after an update`);
      }
    }
  } finally {
    connection.close();
  }
}

describe('the types of columns', { skip: mariadbMissing() }, () => {
  for (const [name, args, useMapNames] of [
    ['with names from the schema', ['--log-bin-compress=0'], false],
    [
      'with names from the binlog, compressed events and no checksums',
      ['--binlog-row-metadata=FULL', '--log-bin-compress=1', '--log-bin-compress-min-len=10', '--binlog-checksum=NONE'],
      true,
    ],
  ] as const)
    it(`come from the binlog as SELECT gives them, ${name}`, async (t) => {
      const maria = await startMariadb(t, { args: ['--sql-mode=', ...args] });
      await compare(maria, columns, useMapNames);
    });
});
