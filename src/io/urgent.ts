// urgent: work for right after the code that runs now, before the bytes of any other connection.
//
// It is a microtask. Code that serves several connections in one event (the visits of the I/O threads' rings) looks at
// `urgent.count` in between and lets it run.

export const urgent = { count: 0 };

export function runUrgently(run: () => void): void {
  urgent.count++;
  queueMicrotask(() => {
    urgent.count--;
    run();
  });
}
