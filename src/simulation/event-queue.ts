// event-queue: events by time, and by the order in which they were added where the time is the same; a binary heap.

export interface ScheduledEvent {
  readonly atMs: number;
  readonly sequence: number;
  readonly run: () => void;
  /** A cancelled event stays in the heap until its time comes, and is passed over. */
  cancelled: boolean;
}

function isBefore(first: ScheduledEvent, second: ScheduledEvent): boolean {
  return first.atMs < second.atMs || (first.atMs === second.atMs && first.sequence < second.sequence);
}

export class EventQueue {
  private readonly heap: ScheduledEvent[] = [];
  private sequence = 0;

  add(atMs: number, run: () => void): ScheduledEvent {
    const event: ScheduledEvent = { atMs, sequence: this.sequence++, run, cancelled: false };
    const { heap } = this;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
    return event;
  }

  /** Takes the next event whose time is `limitMs` or earlier. */
  takeUntil(limitMs: number): ScheduledEvent | undefined {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.atMs > limitMs) return undefined;
      this.removeFirst();
      if (!first.cancelled) return first;
    }
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= size) break;
      if (child + 1 < size && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}
