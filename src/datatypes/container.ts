// container: the operations of every collection type for code that handles any type: count, free in steps, copy,
// measure.

/** A collection type. `ref` is word 2 of an entry: the ref of a block or handle; which one follows from the encoding. */
export interface Container {
  /** Count of elements. */
  count(encoding: number, ref: number): number;
  /**
   * Frees at least one and about `budget` elements, or all of a small value. Returns false when there is more to free;
   * the value must not be used meanwhile.
   */
  freeStep(encoding: number, ref: number, budget: number): boolean;
  /** Makes an independent copy with the same encoding (COPY); returns its ref. */
  copy(encoding: number, ref: number): number;
  /** Bytes of the value's blocks; of a big one extrapolated from about `samples` elements (0: all of them). */
  memoryBytes(encoding: number, ref: number, samples: number): number;
}
