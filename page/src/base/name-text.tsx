// name-text: the beginning of a name that somebody else chose; an empty one says that it is.
import { shownStart } from './bytes.js';
import { t } from './i18n.js';

export function NameText({ text, lengthMax }: { text: string; lengthMax?: number }) {
  return text === '' ? <span class="muted">{t('(empty)')}</span> : <>{shownStart(text, lengthMax)}</>;
}
