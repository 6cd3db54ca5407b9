// cell: an element in a table: the beginning of its text, and all of it on a click.
import { useState } from 'preact/hooks';
import { shownLines } from '../base/bytes.js';
import { t } from '../base/i18n.js';
import { ElementView } from './element-dialog.js';

const cellMax = 240;

export function Cell({ text }: { text: string }) {
  const [isOpen, setOpen] = useState(false);
  const all = shownLines(text.length > cellMax * 4 ? text.slice(0, cellMax * 4) : text);
  if (text === '') return <span class="muted small">{t('(empty)')}</span>;
  return (
    <>
      <span class="mono clip">{all.length > cellMax ? `${all.slice(0, cellMax)}…` : all}</span>
      {(all.length > 60 || text.length > cellMax) && (
        <button type="button" class="plain small" onClick={() => setOpen(true)}>
          {t('Show')}
        </button>
      )}
      {isOpen && <ElementView title={t('Value')} text={text} onClose={() => setOpen(false)} />}
    </>
  );
}
