// immediate: Node's setImmediate for a page: work for a later turn of the event loop, in the order of calls.
//
// A message to oneself is such a turn. Timers would wait: browsers make nested ones last four milliseconds.

interface Turn {
  run: (() => void) | undefined;
}

const waiting: Turn[] = [];
const channel = new MessageChannel();
(channel.port1 as unknown as { onmessage: () => void }).onmessage = () => {
  const { run } = waiting.shift()!;
  // A program that is no page may end while nothing waits.
  if (waiting.length === 0) (channel.port1 as { unref?: () => void }).unref?.();
  run?.();
};
(channel.port1 as { unref?: () => void }).unref?.();

export function setImmediate(run: () => void): Turn {
  const turn: Turn = { run };
  waiting.push(turn);
  (channel.port1 as { ref?: () => void }).ref?.();
  channel.port2.postMessage(undefined);
  return turn;
}

export function clearImmediate(turn: Turn): void {
  turn.run = undefined;
}
