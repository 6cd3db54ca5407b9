// fuzzer: the export of a `*.fuzz.ts` file: random changes of a structure beside a plain model, which verify both as
// they go.
//
// `npm test` runs each once, `npm run fuzz` for as long as wanted, seed after seed.

export interface Fuzzer {
  /** The property, as a sentence. */
  readonly name: string;
  /** Steps (or rounds, where one ends in a whole comparison) of a short run. */
  readonly steps: number;
  /** Throws, with the seed and the step in the message, when the structure and its model differ. */
  readonly run: (seed: number, steps: number) => void;
}
