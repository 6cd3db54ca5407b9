// derived-source: a source that passes on what another gives, changed or in part.

import type { Batch, Source } from './record.js';

export abstract class DerivedSource implements Source {
  constructor(protected readonly source: Source) {}

  get name(): string {
    return this.source.name;
  }

  get totalBytes(): number | undefined {
    return this.source.totalBytes;
  }

  get totalKeys(): number | undefined {
    return this.source.totalKeys;
  }

  get warnings(): readonly string[] {
    return this.source.warnings;
  }

  /** Returns the derived form of a batch. */
  protected abstract derive(batch: Batch): Batch | Promise<Batch>;

  async *batches(): AsyncGenerator<Batch, void> {
    for await (const batch of this.source.batches()) yield await this.derive(batch);
  }
}
