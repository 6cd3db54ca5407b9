// pubsub: messages of channels as they come, and publishing.
import { useState } from 'preact/hooks';
import { listIn, mayAs, textIn } from '../base/api.js';
import { base64UrlOf, shownStart, unshown } from '../base/bytes.js';
import { count } from '../base/format.js';
import { Glyph } from '../base/icons.js';
import { t } from '../base/i18n.js';
import { useLive } from '../base/live.js';
import { Field, say, sayError, useLoad } from '../base/ui.js';
import type { ViewProps } from './server-page.js';

interface Message {
  readonly channel: string;
  readonly text: string;
  readonly bytes: number;
}

export function PubSubView({ server, about, me }: ViewProps) {
  const live = useLive<Message>('message');
  const [names, setNames] = useState('*');
  const [channel, setChannel] = useState('');
  const [text, setText] = useState('');
  const channels = useLoad(
    async () => (about.kind === 'sentinel' ? [] : listIn(await server.one('PUBSUB', 'CHANNELS')).map(textIn)),
    [server],
    10_000,
  );
  const start = (event: Event): void => {
    event.preventDefault();
    const wanted = names.split(/[\s,]+/).filter((name) => name !== '');
    live.start(
      `${server.path}/subscribe?kind=${wanted.some((name) => /[*?[]/.test(name)) ? 'pattern' : 'channel'}&${wanted.map((name) => `channel64=${base64UrlOf(unshown(name))}`).join('&')}`,
    );
  };
  const publish = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      const receivers = await server.one('PUBLISH', unshown(channel), unshown(text));
      say(t('{n} clients received it', { n: textIn(receivers) }));
    } catch (error) {
      sayError(error);
    }
  };
  return (
    <div class="console">
      <form onSubmit={start}>
        <Field label={t('Channels or patterns')}>
          <input
            value={names}
            class="mono"
            spellcheck={false}
            onInput={(event) => setNames(event.currentTarget.value)}
          />
        </Field>
        {/* By their keys two buttons: one that becomes a submit button while it is clicked sends the form, and starts again. */}
        {live.state === 'on' ? (
          <button key="stop" type="button" onClick={live.stop}>
            <Glyph name="stop" /> {t('Stop')}
          </button>
        ) : (
          <button key="start" type="submit" class="primary">
            <Glyph name="play" /> {t('Subscribe')}
          </button>
        )}
        <button type="button" onClick={live.clear}>
          {t('Clear')}
        </button>
        <span class="muted small">
          {t('{n} messages', { n: count(live.seen) })}
          {live.dropped > 0 ? ` · ${t('{n} left out', { n: count(live.dropped) })}` : ''} {live.reason}
        </span>
      </form>
      {(channels.value ?? []).length > 0 && (
        <div class="hint-line">
          {t('Subscribed to now:')}{' '}
          {channels
            .value!.slice(0, 30)
            .map((name) => shownStart(name, 100))
            .join(', ')}
        </div>
      )}
      <div class="live" role="log" aria-label={t('Messages')} tabIndex={0}>
        {live.events.map((message, index) => (
          <div key={index}>
            <b>{shownStart(message.channel)}</b> {shownStart(message.text, 4000)}
          </div>
        ))}
      </div>
      {mayAs(me, 'editor') && about.kind !== 'sentinel' && (
        <form onSubmit={(event) => void publish(event)}>
          <input
            aria-label={t('Channel')}
            placeholder={t('Channel')}
            required
            value={channel}
            onInput={(event) => setChannel(event.currentTarget.value)}
          />
          <input
            aria-label={t('Message')}
            placeholder={t('Message')}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button type="submit">{t('Publish')}</button>
        </form>
      )}
    </div>
  );
}
