// job: long work of the program: polled until it ends, with its progress, its lines, and a button that cancels it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { get, post } from './api.js';
import { shownLines, shownStart } from './bytes.js';
import { count } from './format.js';
import { said, t } from './i18n.js';
import { Failure, sayError } from './ui.js';

export interface JobState<Result = unknown> {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  readonly done: number;
  readonly total?: number;
  readonly matched: number;
  readonly errors: number;
  readonly message?: string;
  readonly result?: Result;
  readonly lines: readonly string[];
  readonly nextLine: number;
}

const pollMs = 400;

/** The job as it is now; undefined before its first news. */
export function useJob<Result>(id: string | undefined): {
  job: JobState<Result> | undefined;
  lines: readonly string[];
  error: unknown;
} {
  const [job, setJob] = useState<JobState<Result> | undefined>();
  const [error, setError] = useState<unknown>();
  const lines = useRef<string[]>([]);
  useEffect(() => {
    setJob(undefined);
    setError(undefined);
    lines.current = [];
    if (id === undefined) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let next = 0;
    const poll = async (): Promise<void> => {
      try {
        const news = await get<JobState<Result>>(`/api/jobs/${id}?from=${next}`, abort.signal);
        next = news.nextLine;
        lines.current = [...lines.current, ...news.lines].slice(-2000);
        setJob(news);
        if (news.state === 'running') timer = setTimeout(() => void poll(), pollMs);
      } catch (failure) {
        if (!abort.signal.aborted) setError(failure);
      }
    };
    void poll();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return { job, lines: lines.current, error };
}

export function JobView({
  job,
  lines,
  error,
  unit,
}: {
  job: JobState | undefined;
  lines: readonly string[];
  error: unknown;
  unit: string;
}) {
  if (error !== undefined) return <Failure error={error} />;
  if (job === undefined) return null;
  const isRunning = job.state === 'running';
  return (
    <section class="stack" aria-label={t('Progress')}>
      <div class="row" role="status">
        <span class={`badge ${job.state === 'failed' ? 'danger' : job.state === 'done' ? 'accent' : ''}`}>
          {t(job.state)}
        </span>
        <span class="grow">
          {unit} {job.total !== undefined && `${count(job.done)} / ${count(job.total)}`}
          {job.matched > 0 && ` · ${t('{n} fit', { n: count(job.matched) })}`}
          {job.errors > 0 && ` · ${t('{n} errors', { n: count(job.errors) })}`}
        </span>
        {isRunning && (
          <button type="button" onClick={() => post(`/api/jobs/${job.id}/cancel`).catch(sayError)}>
            {t('Cancel')}
          </button>
        )}
      </div>
      {isRunning && (
        <progress
          aria-label={t('Progress')}
          {...(job.total === undefined || job.total === 0
            ? {}
            : { max: job.total, value: Math.min(job.done, job.total) })}
        />
      )}
      {job.message !== undefined && <div class="notice error">{shownStart(said(job.message), 1000)}</div>}
      {lines.length > 0 && (
        <pre class="log" tabIndex={0} aria-label={t('Output')}>
          {shownLines(lines.join('\n'))}
        </pre>
      )}
    </section>
  );
}
