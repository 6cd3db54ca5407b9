// exit: ends the program from anywhere below the executable, with the status that scripts look at.

/** Thrown to end the program; the executable flushes what was printed and exits with `status`. */
export class Exit extends Error {
  constructor(readonly status: number) {
    super(`exit ${status}`);
  }
}
