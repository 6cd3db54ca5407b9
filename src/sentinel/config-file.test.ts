// The file that a sentinel keeps its state in: a kill or a power cut at any moment leaves the old or the new state, a vote that was
// told is never lost, and a file that is torn by whatever means is refused with its line or read, and never anything else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1, latin1Bytes } from '../base/bytes.js';
import { Prng } from '../base/prng.js';
import { SimulatedFiles, type FileOperation } from '../io/files-simulated.js';
import { Config } from '../service/config/config.js';
import { ConfigError } from '../service/config/config-error.js';
import { ConfigReader } from '../service/config/file.js';
import { rewriteConfigFile } from '../service/config/rewrite.js';
import { noNames } from './address.js';
import { applyLines } from './config-reader.js';
import { stateLines } from './config-writer.js';
import { collectSentinelDirectives } from './directives.js';
import { vote } from './election.js';
import { checkConfigFile, SentinelStartError } from './launch.js';
import type { SentinelPort } from './port.js';
import { SentinelState } from './state.js';

const PATH = '/sentinel.conf';
const candidate = 'c'.repeat(40);

const handWritten = `# of our deployment
port 26379
sentinel myid ${'a'.repeat(40)}

dir /
# the shop
sentinel monitor shop 10.0.0.1 6379 2
sentinel down-after-milliseconds shop 5000
sentinel auth-pass shop "se cret"
# the stock
sentinel monitor stock 10.0.0.9 6380 2
`;

interface Disk {
  readonly files: SimulatedFiles;
  readonly config: Config;
  readonly state: SentinelState;
}

function save({ files, config, state }: Disk): boolean {
  rewriteConfigFile(files, config, undefined, 'temp', false, stateLines(state));
  return true;
}

/** Reads the file as a start does; throws a ConfigError. */
function load(files: SimulatedFiles): Disk {
  const config = new Config('/');
  config.file = PATH;
  const directives = collectSentinelDirectives(PATH);
  new ConfigReader(config, files, directives).load(PATH, '', '');
  const disk: Disk = {
    files,
    config,
    state: new SentinelState(
      { close: () => undefined, event: () => undefined, save: () => save(disk) } as unknown as SentinelPort,
      new Prng(1),
      noNames,
    ),
  };
  for (const round of [0, 1, 2] as const) applyLines(disk.state, directives.lines, round, () => true);
  return disk;
}

function diskOf(text: string): SimulatedFiles {
  const files = new SimulatedFiles();
  files.put(PATH, latin1Bytes(text));
  return files;
}

/** A file system that is looked at before every operation. */
class WatchedFiles extends SimulatedFiles {
  look: () => void = () => undefined;

  override check(operation: FileOperation, path: string): void {
    this.look();
    super.check(operation, path);
  }
}

test('a kill or a power cut at any moment of a save leaves the old state or the new one', () => {
  const files = new WatchedFiles();
  files.put(PATH, latin1Bytes(handWritten));
  const disk = load(files);
  let looks = 0;
  for (let epoch = 1; epoch <= 5; epoch++) {
    files.look = () => {
      looks++;
      const killed = diskOf(latin1(files.get(PATH)));
      const crashed = Array.from({ length: 5 }, (_, index) => files.afterCrash(new Prng(looks * 10 + index)));
      for (const after of [killed, ...crashed]) {
        const { state } = load(after);
        const found = state.currentEpoch;
        assert.ok(found === epoch - 1 || found === epoch, `${found} while ${epoch} is saved`);
        assert.equal(state.master('shop')!.leaderEpoch, found);
        assert.equal(state.master('shop')!.authPass, 'se cret');
        assert.equal(state.master('stock')!.address.port, 6380);
      }
    };
    assert.deepEqual(vote(disk.state, disk.state.master('shop')!, epoch, candidate), { leader: candidate, epoch });
    files.look = () => undefined;
    // The vote was sent: nothing may take it back.
    for (let index = 0; index < 20; index++)
      assert.equal(load(files.afterCrash(new Prng(index))).state.master('shop')!.leaderEpoch, epoch);
  }
  assert.ok(looks > 20, `${looks} moments`);
  assert.deepEqual(files.list('/'), ['sentinel.conf']);
  assert.match(
    latin1(files.get(PATH)),
    /^# of our deployment\nport 26379\nsentinel myid a+\n\ndir "\/"\n# the shop\nsentinel monitor shop/,
  );
});

test('a save that fails says so and leaves the file as it was; the next one takes everything', () => {
  for (const operation of ['open', 'write', 'sync', 'rename'] as const) {
    const files = diskOf(handWritten);
    const disk = load(files);
    files.fail(operation, 'ENOSPC', operation === 'open' ? { skip: 1 } : {});
    disk.state.currentEpoch = 7;
    assert.throws(() => save(disk), /ENOSPC|no space/);
    assert.equal(latin1(files.get(PATH)), handWritten, operation);
    files.heal();
    save(disk);
    assert.equal(load(files).state.currentEpoch, 7);
  }
});

test('a file that cannot be written, or replaced, is told at the start', () => {
  const { files, config } = load(diskOf(handWritten));
  checkConfigFile(files, config);
  assert.deepEqual(files.list('/'), ['sentinel.conf']);
  for (const options of [{}, { skip: 1 }]) {
    files.fail('open', 'EACCES', options);
    assert.throws(
      () => checkConfigFile(files, config),
      (error) => error instanceof SentinelStartError && /is not writable: .*ermission/.test(error.message),
    );
    files.heal();
  }
  assert.throws(() => checkConfigFile(files, new Config('/')), /needs config file on disk/);
});

test('a file that is torn or overwritten anywhere is read, or refused with the line and the reason', () => {
  const seed = Number(process.env.SEED ?? 20261128);
  const random = new Prng(seed);
  const disk = load(diskOf(handWritten));
  const shop = disk.state.master('shop')!;
  disk.state.myId = 'a'.repeat(40);
  disk.state.addReplica(shop, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 });
  disk.state.addPeer(shop, 'b'.repeat(40), { host: '10.0.0.3', ip: '10.0.0.3', port: 26379 });
  shop.renamed.set('config', 'hidden');
  save(disk);
  const whole = latin1(disk.files.get(PATH));
  const texts = Array.from({ length: whole.length >> 2 }, (_, index) => whole.slice(0, index * 4));
  for (let round = 0; round < 300; round++) {
    const letters = whole.split('');
    for (let change = random.below(4); change >= 0; change--)
      letters[random.below(letters.length)] = random.chance(30) ? '\n' : String.fromCharCode(random.below(256));
    if (random.chance(30)) letters.splice(random.below(letters.length), random.below(100));
    texts.push(letters.join(''));
  }
  let refused = 0;
  for (const text of texts) {
    try {
      load(diskOf(text));
    } catch (error) {
      refused++;
      assert.ok(error instanceof ConfigError, `seed ${seed}: ${String(error)}\n${text}`);
      assert.ok(error.place!.lineNumber >= 1 && error.reason !== '', `seed ${seed}`);
      assert.equal(
        error.place!.line,
        text.split('\n')[error.place!.lineNumber - 1]!.replace(/^[ \t\r]+|[ \t\r]+$/g, ''),
      );
    }
  }
  assert.ok(refused > 50);
});
