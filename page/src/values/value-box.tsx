// value-box: one value in the form that a person chooses, and its editor.
import { useEffect, useState } from 'preact/hooks';
import { t } from '../base/i18n.js';
import { bytesOf, shownLines } from '../base/bytes.js';
import type { CodeEditorProps } from '../base/code-editor.js';
import { bytes } from '../base/format.js';
import { lazy } from '../base/lazy.js';
import { CopyButton, sayError, Segmented } from '../base/ui.js';
import { decode, encode, type Form, forms, guessForm, isEditable } from './decoders.js';

const shownMax = 300_000;
/** Longer texts get a plain text area, which is quicker with long lines. */
const editorMax = 500_000;

const CodeEditor = lazy<CodeEditorProps>(async () => (await import('../base/code-editor.js')).CodeEditor);

/** `save`: undefined where nothing can be changed. */
export function ValueBox({
  text,
  save,
  extra,
}: {
  text: string;
  save?: ((text: string) => Promise<void>) | undefined;
  extra?: (form: Form) => preact.ComponentChildren;
}) {
  const [form, setForm] = useState<Form>(() => guessForm(text));
  const [decoded, setDecoded] = useState<string | Error>('');
  const [edited, setEdited] = useState<string | undefined>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    let isOld = false;
    decode(text, form).then(
      (result) => !isOld && setDecoded(result),
      (error: unknown) => !isOld && setDecoded(error instanceof Error ? error : new Error(String(error))),
    );
    setEdited(undefined);
    return () => {
      isOld = true;
    };
  }, [text, form]);
  const store = async (): Promise<void> => {
    setBusy(true);
    try {
      await save!(encode(edited!, form));
      setEdited(undefined);
    } catch (error) {
      sayError(error);
    } finally {
      setBusy(false);
    }
  };
  const begin = (): void => setEdited(form === 'text' ? text : typeof decoded === 'string' ? decoded : '');
  // A text editor would change bytes that are no text.
  const isText = form !== 'text' || !/[\udc80-\udcff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''));
  const canEdit = save !== undefined && isEditable(form) && isText && typeof decoded === 'string';
  return (
    <div class="stack">
      <div class="value-tools">
        <Segmented
          label={t('Shown as')}
          choices={forms.map(([name, label]) => [name, t(label)] as const)}
          chosen={form}
          onChoose={setForm}
        />
        <span class="muted small">{bytes(bytesOf(text).length)}</span>
        <span class="grow" />
        {typeof decoded === 'string' && <CopyButton text={form === 'text' && isText ? text : decoded} />}
        {canEdit && edited === undefined && (
          <button type="button" onClick={begin}>
            {t('Edit')}
          </button>
        )}
      </div>
      {edited !== undefined ? (
        <>
          {edited.length > editorMax ? (
            <textarea
              class="value-edit"
              aria-label={t('Value')}
              spellcheck={false}
              value={edited}
              onInput={(event) => setEdited(event.currentTarget.value)}
            />
          ) : (
            <CodeEditor
              text={edited}
              language={form === 'json' ? 'json' : 'text'}
              label={t('Value')}
              onChange={setEdited}
            />
          )}
          <div class="row">
            <button type="button" class="primary" disabled={isBusy} onClick={() => void store()}>
              {t('Save')}
            </button>
            <button type="button" onClick={() => setEdited(undefined)}>
              {t('Cancel')}
            </button>
          </div>
        </>
      ) : decoded instanceof Error ? (
        <div class="notice warn">{decoded.message}</div>
      ) : form === 'bits' ? null : (
        <pre class={`value-text ${form === 'hex' ? 'columns' : ''}`} tabIndex={0} aria-label={t('Value')}>
          {shownLines(decoded.slice(0, shownMax))}
          {decoded.length > shownMax && `\n… ${t('{n} more characters', { n: decoded.length - shownMax })}`}
        </pre>
      )}
      {extra?.(form)}
    </div>
  );
}
