// stream.bench: the cost of additions, reads, deliveries and acknowledgements, and the bytes of an entry and a pending
// message.
//   node dist/src/datatypes/stream.bench.js [entries]
import { latin1Bytes } from '../base/bytes.js';
import { Arena } from '../memory/arena.js';
import { Listpacks } from '../structures/listpack.js';
import { StreamId } from '../structures/stream-id.js';
import { Streams } from './stream.js';

const count = Number(process.argv[2] ?? 1_000_000);
const arena = new Arena();
const streams = new Streams(new Listpacks(arena));
const { groups } = streams;
const stream = streams.create();
const bytes = latin1Bytes('myfieldxxxxxxxxxxxxxxxx');
const starts = Int32Array.of(0, 7);
const lengths = Int32Array.of(7, 16);
const id = new StreamId();

function measure(what: string, times: number, run: (index: number) => void): void {
  const start = process.hrtime.bigint();
  for (let index = 0; index < times; index++) run(index);
  const ns = Number(process.hrtime.bigint() - start) / times;
  process.stdout.write(`${what.padEnd(32)} ${ns.toFixed(0).padStart(6)} ns\n`);
}

function tell(what: string, value: number): void {
  process.stdout.write(`${what.padEnd(32)} ${value.toFixed(1).padStart(6)}\n`);
}

measure('add an entry of one field', count, (index) => {
  id.setNumbers(1_700_000_000_000 + (index >>> 3), index & 7);
  streams.append(stream, id, bytes, starts, lengths, 0, 1, 23);
});
const streamBytes = arena.usedBytes;
tell('bytes an entry', streamBytes / count);
const { reader } = streams;
reader.openAll(stream, false);
measure('read the next entry', count, () => void reader.next());
measure('find an entry', count, (index) => {
  id.setNumbers(1_700_000_000_000 + (((index * 7919) % count) >>> 3), index & 7);
  streams.has(stream, id);
});
streams.setGroupList(stream, groups.add(0, latin1Bytes('group'), 0, 5, new StreamId(), 0));
const group = groups.added;
const consumer = groups.addConsumer(group, latin1Bytes('consumer'), 0, 8, 0);
measure('deliver to a consumer', count, (index) => {
  id.setNumbers(1_700_000_000_000 + (index >>> 3), index & 7);
  groups.setPending(group, id, consumer, 1_700_000_000_000, 1);
});
tell('bytes a pending message', (arena.usedBytes - streamBytes) / count);
measure('acknowledge', count, (index) => {
  id.setNumbers(1_700_000_000_000 + (index >>> 3), index & 7);
  groups.removePending(group, id);
});
