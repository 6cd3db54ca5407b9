// form: the frames of forms: a dialog that stays open with the reason while saving fails, and a panel of a page.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { t } from './i18n.js';
import { Dialog, Failure } from './ui.js';

/** A dialog with a form: closes after `onSubmit`, unless it fails or resolves with false. */
export function FormDialog({
  title,
  action = t('Save'),
  isWide,
  onClose,
  onSubmit,
  children,
}: {
  title: string;
  action?: string;
  isWide?: boolean;
  onClose: () => void;
  onSubmit: () => Promise<unknown>;
  children: ComponentChildren;
}) {
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if ((await onSubmit()) !== false) onClose();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose} isWide={isWide === true}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        {children}
        {error !== undefined && <Failure error={error} />}
        <footer>
          <button type="button" onClick={onClose}>
            {t('Cancel')}
          </button>
          <button type="submit" class="primary" disabled={isBusy}>
            {action}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** A part of a page that is a form. */
export function FormPanel({
  title,
  onSubmit,
  children,
}: {
  title: string;
  onSubmit: () => void;
  children: ComponentChildren;
}) {
  return (
    <form
      class="panel"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <header>
        <h2>{title}</h2>
      </header>
      <div class="body stack">{children}</div>
    </form>
  );
}
