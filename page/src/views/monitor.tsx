// monitor: MONITOR for a while, with the warning that it costs.
import { useState } from 'preact/hooks';
import { count } from '../base/format.js';
import { shown } from '../base/bytes.js';
import { Glyph } from '../base/icons.js';
import { t } from '../base/i18n.js';
import { useLive } from '../base/live.js';
import { Field } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

export function MonitorView({ server }: ViewProps) {
  const live = useLive<string>('line');
  const [seconds, setSeconds] = useState('30');
  const [filter, setFilter] = useState('');
  return (
    <div class="console">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          live.start(
            `${server.path}/monitor?seconds=${encodeURIComponent(seconds)}&filter=${encodeURIComponent(filter)}`,
          );
        }}
      >
        <Field label={t('Only lines with')}>
          <input value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        </Field>
        <Field label={t('For')}>
          <select value={seconds} onChange={(event) => setSeconds(event.currentTarget.value)}>
            {['10', '30', '60', '300'].map((one) => (
              <option key={one} value={one}>
                {t('{n} s', { n: one })}
              </option>
            ))}
          </select>
        </Field>
        {/* By their keys two buttons: one that becomes a submit button while it is clicked sends the form, and starts again. */}
        {live.state === 'on' ? (
          <button key="stop" type="button" onClick={live.stop}>
            <Glyph name="stop" /> {t('Stop')}
          </button>
        ) : (
          <button key="start" type="submit" class="primary">
            <Glyph name="play" /> {t('Start')}
          </button>
        )}
        <button type="button" onClick={live.clear}>
          {t('Clear')}
        </button>
      </form>
      <div class="hint-line">
        {t('MONITOR can halve what a busy server gets done; it ends by itself.')}{' '}
        {t('{n} lines', { n: count(live.seen) })}
        {live.dropped > 0 ? ` · ${t('{n} left out', { n: count(live.dropped) })}` : ''} {live.reason}
      </div>
      <div class="live" role="log" aria-label={t('Commands')} tabIndex={0}>
        {live.events.map((line, index) => (
          <div key={index}>{shown(line)}</div>
        ))}
      </div>
    </div>
  );
}
