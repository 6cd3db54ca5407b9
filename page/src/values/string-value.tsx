// string-value: a string: loaded in part when it is long, shown in any form; as bits, and as a HyperLogLog.
import { useState } from 'preact/hooks';
import { base64UrlOf, bytesOf } from '../base/bytes.js';
import { bytes, count } from '../base/format.js';
import { t } from '../base/i18n.js';
import { textIn } from '../base/api.js';
import { Failure, Loading, say, sayError, useLoad } from '../base/ui.js';
import type { ValueProps } from './value-props.js';
import { ValueBox } from './value-box.js';

const firstBytes = 64 << 10;
const editedBytesMax = 8 << 20;
const bitsMax = 4096;
/** Longer names of keys fit into no address. */
const addressMax = 8000;

export function StringValue({ server, name, canWrite, round, onChanged }: ValueProps) {
  const [limit, setLimit] = useState(firstBytes);
  const loaded = useLoad(async () => {
    const [length, text] = await server.run([
      ['STRLEN', name],
      ['GETRANGE', name, '0', String(limit - 1)],
    ]);
    const value = textIn(text);
    const isSketch = value.startsWith('HYLL');
    const estimate = isSketch ? Number(textIn(await server.one('PFCOUNT', name))) : undefined;
    return { length: Number(textIn(length)), value, estimate };
  }, [server, name, limit, round]);
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const { length, value, estimate } = loaded.value;
  const isCut = length > limit;
  const save = async (text: string): Promise<void> => {
    // Without KEEPTTL (Redis 6 and later) the key would not expire any more.
    await server.one('SET', name, text, 'KEEPTTL');
    say(t('Saved'));
    loaded.reload();
    onChanged();
  };
  const setBit = async (index: number, isOn: boolean): Promise<void> => {
    try {
      await server.one('SETBIT', name, String(index), isOn ? '1' : '0');
      loaded.reload();
      onChanged();
    } catch (error) {
      sayError(error);
    }
  };
  const key64 = base64UrlOf(name);
  return (
    <div class="stack">
      {estimate !== undefined && (
        <div class="notice">{t('A HyperLogLog of about {n} elements.', { n: count(estimate) })}</div>
      )}
      {isCut && (
        <div class="notice warn row">
          <span class="grow">
            {t('The first {shown} of {length} are shown.', { shown: bytes(limit), length: bytes(length) })}
          </span>
          {length <= editedBytesMax && (
            <button type="button" onClick={() => setLimit(editedBytesMax)}>
              {t('Load all')}
            </button>
          )}
          {key64.length <= addressMax && (
            <a class="button" href={`${server.path}/value?database=${server.database}&key64=${key64}`} download="">
              {t('Download')}
            </a>
          )}
        </div>
      )}
      <ValueBox
        text={value}
        save={canWrite && !isCut ? save : undefined}
        extra={(form) => (form === 'bits' ? <Bits text={value} onSet={canWrite ? setBit : undefined} /> : null)}
      />
    </div>
  );
}

function Bits({ text, onSet }: { text: string; onSet: ((index: number, isOn: boolean) => Promise<void>) | undefined }) {
  const all = bytesOf(text);
  const shownBits = Math.min(bitsMax, all.length * 8);
  let ones = 0;
  for (const byte of all) for (let bit = byte; bit > 0; bit >>= 1) ones += bit & 1;
  return (
    <div class="stack">
      <p class="muted small">
        {t('{ones} of {all} bits are set.', { ones: count(ones), all: count(all.length * 8) })}{' '}
        {shownBits < all.length * 8 && t('The first {n} are shown.', { n: shownBits })}
      </p>
      <div class="bits">
        {Array.from({ length: shownBits }, (_, index) => {
          const isOn = ((all[index >> 3]! >> (7 - (index & 7))) & 1) === 1;
          return (
            <button
              type="button"
              key={index}
              class={isOn ? 'on' : ''}
              disabled={onSet === undefined}
              title={String(index)}
              aria-label={`${index}: ${isOn ? 1 : 0}`}
              onClick={() => void onSet?.(index, !isOn)}
            >
              {isOn ? 1 : 0}
            </button>
          );
        })}
      </div>
    </div>
  );
}
