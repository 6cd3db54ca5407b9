// live: events of the program as they come (server-sent events), kept up to a bound.
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from './i18n.js';

const keptMax = 1000;
const redrawMs = 100;

export interface Live<Event> {
  readonly events: readonly Event[];
  readonly seen: number;
  readonly dropped: number;
  readonly state: 'off' | 'on' | 'ended';
  readonly reason: string;
  start(url: string): void;
  stop(): void;
  clear(): void;
}

export function useLive<Event>(name: string): Live<Event> {
  const source = useRef<EventSource | undefined>(undefined);
  const kept = useRef<{ events: Event[]; seen: number; dropped: number }>({ events: [], seen: 0, dropped: 0 });
  const [state, setState] = useState<Live<Event>['state']>('off');
  const [reason, setReason] = useState('');
  const [, redraw] = useState(0);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const soon = (): void => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      redraw((old) => old + 1);
    }, redrawMs);
  };
  const stop = (): void => {
    source.current?.close();
    source.current = undefined;
    setState((old) => (old === 'on' ? 'off' : old));
  };
  useEffect(
    () => () => {
      source.current?.close();
      clearTimeout(timer.current);
    },
    [],
  );
  return {
    ...kept.current,
    state,
    reason,
    stop,
    clear() {
      kept.current = { events: [], seen: 0, dropped: 0 };
      soon();
    },
    start(url) {
      stop();
      setReason('');
      setState('on');
      const opened = new EventSource(url);
      source.current = opened;
      opened.addEventListener(name, (event) => {
        kept.current.seen++;
        kept.current.events = [
          ...kept.current.events.slice(1 - keptMax),
          JSON.parse((event as MessageEvent<string>).data) as Event,
        ];
        soon();
      });
      opened.addEventListener('dropped', (event) => {
        kept.current.dropped += (JSON.parse((event as MessageEvent<string>).data) as { count: number }).count;
        soon();
      });
      opened.addEventListener('end', (event) => {
        const why = (JSON.parse((event as MessageEvent<string>).data) as { reason: string }).reason;
        setReason(why === 'time' ? t('The time is over.') : why);
        opened.close();
        setState('ended');
      });
      opened.onerror = () => {
        // Not tried again: each try would open a connection to the server.
        opened.close();
        setReason((old) => old || t('The program refused, or the connection ended.'));
        setState('ended');
      };
    },
  };
}
