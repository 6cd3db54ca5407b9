// assert: states a belief; a false one is a bug in Kvasir and never the user's fault.

export function assert(belief: boolean, what: string): asserts belief {
  if (!belief) throw new Error(`assertion failed: ${what}`);
}
