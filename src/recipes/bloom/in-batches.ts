// in-batches: calls with many items in pieces: a request has at most 1,048,576 arguments, and a script holds the server up.

/** The answers of all items, in their order; the batches go one after the other. */
export async function inBatches<Item, Answer>(
  items: readonly Item[],
  batchMax: number,
  call: (batch: readonly Item[]) => Promise<readonly Answer[]>,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < items.length; at += batchMax)
    for (const answer of await call(items.slice(at, at + batchMax))) answers.push(answer);
  return answers;
}
