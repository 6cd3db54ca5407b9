// cluster-source: the keys of all masters of a cluster, one master after the other, by SCAN.
//
// A position names the master by its place in the list of masters and their slots. The list stands in the position too: when it has
// changed, the place means another node, and keys may have moved from one that is still to come to one that was read. For the same
// reason the list is read once more at the end.

import type { ServerAddress } from '../link/address.js';
import { nodeAddress, readSlotMap } from '../link/cluster.js';
import { Pipeline } from '../link/pipeline.js';
import { type Batch, type Position, type Source, TransferError } from '../record/record.js';
import { ScanSource, type ScanSourceOptions } from '../sources/scan-source.js';
import { addressText, type NodeAddress, type SlotMap } from '../../client/slot-map.js';

interface Master {
  readonly address: NodeAddress;
  /** Address and slots: `10.0.0.1:7000 0-5460`. */
  readonly text: string;
}

function mastersOf(map: SlotMap): Master[] {
  const masters = map.shards.map(({ master, ranges }) => {
    const slots = [...ranges].sort(([a], [b]) => a - b).map(([first, last]) => `${first}-${last}`);
    return { address: master, text: `${addressText(master)} ${slots.join(',')}`, first: ranges[0]?.[0] ?? 0 };
  });
  return masters.sort((a, b) => a.first - b.first);
}

const sameTexts = (masters: readonly Master[], texts: readonly string[]): boolean =>
  masters.length === texts.length && masters.every(({ text }, place) => text === texts[place]);

export class ClusterSource implements Source {
  readonly totalBytes = undefined;
  readonly totalKeys = undefined;
  readonly warnings: string[] = [];
  /** Slots or masters changed meanwhile, so keys may be missing. */
  hasMoved = false;
  private pipeline: Pipeline | undefined;

  private constructor(
    private readonly seed: ServerAddress,
    private readonly masters: readonly Master[],
    private readonly options: ScanSourceOptions,
  ) {}

  get name(): string {
    return `cluster of ${this.seed.name}`;
  }

  /** `asked` is a pipeline to the seed, which is closed. */
  static async open(asked: Pipeline, seed: ServerAddress, options: ScanSourceOptions): Promise<ClusterSource> {
    const masters = mastersOf(await readSlotMap(asked, seed));
    asked.close();
    const { from } = options;
    if (from !== undefined && !(Array.isArray(from.masters) && sameTexts(masters, from.masters as readonly string[])))
      throw new TransferError(
        `cluster of ${seed.name}: slots or masters have changed since the interruption, and the position means nothing now: begin anew`,
      );
    return new ClusterSource(seed, masters, options);
  }

  async *batches(): AsyncGenerator<Batch, void> {
    const { from } = this.options;
    const start = Number(from?.master ?? 0);
    let before = 0;
    for (const [place, { address }] of this.masters.entries()) {
      if (place < start) continue;
      this.pipeline = await Pipeline.open(nodeAddress(this.seed, address));
      const source = new ScanSource(this.pipeline, {
        ...this.options,
        from: place === start ? from : undefined,
        withFunctions: this.options.withFunctions && place === 0,
      });
      let bytes = 0;
      for await (const batch of source.batches()) {
        bytes = batch.sourceBytes;
        const sourceBytes = before + bytes;
        const position = batch.position === undefined ? undefined : this.positionAt(place, batch.position);
        yield { records: batch.records, sourceBytes, ...(position === undefined ? {} : { position }) };
      }
      this.warnings.push(...source.warnings);
      before += bytes;
      if (this.options.isStopping?.() === true) return;
      if (place === this.masters.length - 1) await this.compare(this.pipeline);
      this.pipeline.close();
    }
  }

  private positionAt(place: number, inner: Position): Position {
    return { ...inner, master: place, masters: this.masters.map(({ text }) => text) };
  }

  private async compare(pipeline: Pipeline): Promise<void> {
    const after = mastersOf(await readSlotMap(pipeline, this.seed));
    this.hasMoved = !sameTexts(
      after,
      this.masters.map(({ text }) => text),
    );
    if (this.hasMoved)
      this.warnings.push('slots or masters changed during the dump: keys may be missing from it; dump again');
  }

  close(): void {
    this.pipeline?.close();
  }
}
