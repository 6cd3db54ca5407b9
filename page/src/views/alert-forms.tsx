// alert-forms: the dialogs for a rule (what is looked for, for how long, where, who is told) and for a channel (a URL or a mailbox).
import { useState } from 'preact/hooks';
import { get, post } from '../base/api.js';
import { FormDialog } from '../base/form.js';
import { t } from '../base/i18n.js';
import { Check, Failure, Field, Segmented, useLoad } from '../base/ui.js';
import type { ServerItem } from './server-item.js';

export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly isEnabled: boolean;
  readonly severity: string;
  readonly condition: {
    readonly kind: 'figure' | 'event' | 'down';
    readonly figure?: string;
    readonly op?: string;
    readonly value?: number;
    readonly clear?: number;
    readonly events?: readonly string[];
  };
  readonly forMs: number;
  readonly clearMs: number;
  readonly repeatMs: number;
  readonly targets: readonly string[];
  readonly channels: readonly string[];
}

export interface Channel {
  readonly id: string;
  readonly name: string;
  readonly type: string;
}

interface Vocabulary {
  readonly figures: readonly { name: string; unit: string; help: string }[];
  readonly events: readonly string[];
}

const units: Readonly<Record<string, string>> = { percent: '%', seconds: 's', flag: '0 / 1', count: '' };
const minuteMs = 60_000;

/** An id that no other has, from the name; files and links use it. */
function idFrom(name: string, taken: readonly { id: string }[]): string {
  const base =
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
      .slice(0, 40) || 'alert';
  let id = base;
  for (let number = 2; taken.some((one) => one.id === id); number++) id = `${base}-${number}`;
  return id;
}

function toggled(list: readonly string[], name: string, isIn: boolean): string[] {
  return isIn ? [...list.filter((one) => one !== name), name] : list.filter((one) => one !== name);
}

export function RuleDialog({
  rule,
  rules,
  channels,
  servers,
  onClose,
  onSaved,
}: {
  rule: Rule | undefined;
  rules: readonly Rule[];
  channels: readonly Channel[];
  servers: readonly ServerItem[];
  onClose: () => void;
  onSaved: () => void;
}) {
  const words = useLoad((signal) => get<Vocabulary>('/api/alerts/vocabulary', signal), []);
  const condition = rule?.condition;
  const [name, setName] = useState(rule?.name ?? '');
  const [isEnabled, setEnabled] = useState(rule?.isEnabled ?? true);
  const [severity, setSeverity] = useState(rule?.severity ?? 'warning');
  const [kind, setKind] = useState(condition?.kind ?? 'figure');
  const [figure, setFigure] = useState(condition?.figure ?? 'memory_percent');
  const [op, setOp] = useState(condition?.op ?? '>');
  const [value, setValue] = useState(String(condition?.value ?? 90));
  const [clear, setClear] = useState(condition?.clear === undefined ? '' : String(condition.clear));
  const [events, setEvents] = useState<readonly string[]>(condition?.events ?? []);
  const [holds, setHolds] = useState(String((rule?.forMs ?? minuteMs) / 1000));
  const [ends, setEnds] = useState(String((rule?.clearMs ?? minuteMs) / 1000));
  const [repeats, setRepeats] = useState(String((rule?.repeatMs ?? 0) / minuteMs));
  const [targets, setTargets] = useState<readonly string[]>(rule?.targets ?? []);
  const [told, setTold] = useState<readonly string[]>(rule?.channels ?? []);
  const submit = async (): Promise<void> => {
    await post('/api/alerts/rules', {
      rule: {
        id: rule?.id ?? idFrom(name, rules),
        name,
        isEnabled,
        severity,
        condition:
          kind === 'figure'
            ? { kind, figure, op, value: Number(value), ...(clear === '' ? {} : { clear: Number(clear) }) }
            : kind === 'event'
              ? { kind, events }
              : { kind },
        forMs: Number(holds) * 1000,
        clearMs: Number(ends) * 1000,
        repeatMs: Number(repeats) * minuteMs,
        targets,
        channels: told,
      },
    });
    onSaved();
  };
  const known = words.value?.figures.find((one) => one.name === figure);
  const number = (label: string, text: string, set: (text: string) => void, help?: string) => (
    <Field label={label} {...(help === undefined ? {} : { help })}>
      <input
        type="number"
        step="any"
        class="wide"
        value={text}
        required={set !== setClear}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </Field>
  );
  return (
    <FormDialog title={rule === undefined ? t('Add rule') : rule.name} onClose={onClose} onSubmit={submit} isWide>
      {words.error !== undefined && <Failure error={words.error} retry={words.reload} />}
      <div class="form two">
        <Field label={t('Name')}>
          <input
            class="wide"
            required
            maxLength={200}
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </Field>
        <Field label={t('Severity')}>
          <select class="wide" value={severity} onChange={(event) => setSeverity(event.currentTarget.value)}>
            {['info', 'warning', 'critical'].map((one) => (
              <option key={one} value={one}>
                {t(one)}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <Segmented
        label={t('Condition')}
        choices={[
          ['figure', t('A figure')],
          ['event', t('An event')],
          ['down', t('No answer')],
        ]}
        chosen={kind}
        onChoose={setKind}
      />
      {kind === 'figure' && (
        <>
          <Field
            label={t('Figure')}
            help={known === undefined ? '' : `${known.help} ${units[known.unit] ?? known.unit}`}
          >
            <input
              class="wide mono"
              list="figures"
              required
              spellcheck={false}
              value={figure}
              onInput={(event) => setFigure(event.currentTarget.value)}
            />
          </Field>
          <datalist id="figures">
            {(words.value?.figures ?? []).map((one) => (
              <option key={one.name} value={one.name}>
                {one.help}
              </option>
            ))}
          </datalist>
          <div class="form two">
            <Field label={t('Begins when it is')}>
              <select class="wide" value={op} onChange={(event) => setOp(event.currentTarget.value)}>
                <option value=">">{t('over')}</option>
                <option value="<">{t('under')}</option>
              </select>
            </Field>
            {number(t('Limit'), value, setValue)}
            {number(t('Ends at'), clear, setClear, t('Empty: at the limit. Another value keeps it from trembling.'))}
          </div>
        </>
      )}
      {kind === 'event' && (
        <fieldset>
          <legend>{t('Events')}</legend>
          <div class="form two">
            {(words.value?.events ?? []).map((one) => (
              <Check
                key={one}
                label={one}
                checked={events.includes(one)}
                onChange={(isIn) => setEvents(toggled(events, one, isIn))}
              />
            ))}
          </div>
        </fieldset>
      )}
      <div class="form two">
        {kind !== 'event' && number(t('Holds for seconds'), holds, setHolds)}
        {number(t('Is over after seconds'), ends, setEnds)}
        {number(t('Told again every minutes'), repeats, setRepeats, t('0: only once.'))}
      </div>
      <Choice legend={t('Servers')} all={t('All servers')} list={servers} chosen={targets} onChange={setTargets} />
      <Choice legend={t('Sent to')} all={t('All channels')} list={channels} chosen={told} onChange={setTold} />
      <Check label={t('The rule is on')} checked={isEnabled} onChange={setEnabled} />
    </FormDialog>
  );
}

/** All, or some of a list; nothing chosen means all. */
function Choice({
  legend,
  all,
  list,
  chosen,
  onChange,
}: {
  legend: string;
  all: string;
  list: readonly { id: string; name: string }[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div class="row">
        <Check label={all} checked={chosen.length === 0} onChange={() => onChange([])} />
        {list.map(({ id, name }) => (
          <Check
            key={id}
            label={name}
            checked={chosen.includes(id)}
            onChange={(isIn) => onChange(toggled(chosen, id, isIn))}
          />
        ))}
      </div>
    </fieldset>
  );
}

export function ChannelDialog({
  channels,
  onClose,
  onSaved,
}: {
  channels: readonly Channel[];
  onClose: () => void;
  onSaved: () => void;
}) {
  const [type, setType] = useState<'webhook' | 'mail'>('webhook');
  const [fields, setFields] = useState<Readonly<Record<string, string>>>({ security: 'starttls' });
  const submit = async (): Promise<void> => {
    const { name = '', url = '', body = '', header = '', port = '', to = '', ...mail } = fields;
    const [, headerName, headerText] = /^([^:]+):\s*(.*)$/.exec(header) ?? [];
    const id = idFrom(name, channels);
    await post('/api/alerts/channels', {
      channel:
        type === 'webhook'
          ? {
              id,
              name,
              type,
              url,
              ...(headerName === undefined ? {} : { headers: { [headerName]: headerText } }),
              ...(body === '' ? {} : { body }),
            }
          : {
              ...mail,
              id,
              name,
              type,
              to: to.split(/[,\s]+/).filter(Boolean),
              ...(port === '' ? {} : { port: Number(port) }),
            },
    });
    onSaved();
  };
  const input = (name: string, label: string, more: Record<string, unknown> = {}, help?: string) => (
    <Field label={label} {...(help === undefined ? {} : { help })}>
      <input
        class="wide"
        autocomplete="off"
        value={fields[name] ?? ''}
        onInput={(event) => setFields({ ...fields, [name]: event.currentTarget.value })}
        {...more}
      />
    </Field>
  );
  return (
    <FormDialog title={t('Add channel')} onClose={onClose} onSubmit={submit} isWide>
      <Segmented
        label={t('Type')}
        choices={[
          ['webhook', t('webhook')],
          ['mail', t('mail')],
        ]}
        chosen={type}
        onChoose={setType}
      />
      {input('name', t('Name'), { required: true, maxLength: 200 })}
      {type === 'webhook' && (
        <>
          {input('url', t('Address'), { required: true, type: 'url', placeholder: 'https://' })}
          {input('header', t('Header'), { placeholder: 'Authorization: Bearer …' })}
          <Field
            label={t('Body')}
            help={t('Empty: the alert as JSON. Else a text with {{text}} and other fields of the alert.')}
          >
            <textarea
              rows={4}
              spellcheck={false}
              value={fields.body ?? ''}
              onInput={(event) => setFields({ ...fields, body: event.currentTarget.value })}
            />
          </Field>
        </>
      )}
      {type === 'mail' && (
        <div class="form two">
          {input('host', t('Mail server'), { required: true })}
          {input('port', t('Port'), { type: 'number', min: 1, max: 65535, placeholder: '587' })}
          <Field label={t('Encryption')}>
            <select
              class="wide"
              value={fields.security}
              onChange={(event) => setFields({ ...fields, security: event.currentTarget.value })}
            >
              <option value="starttls">STARTTLS</option>
              <option value="tls">TLS</option>
              <option value="none">{t('none')}</option>
            </select>
          </Field>
          {input('user', t('User'))}
          {input('password', t('Password'), { type: 'password', autocomplete: 'new-password' })}
          {input('from', t('From'), { required: true, type: 'email' })}
          {input('to', t('To'), { required: true }, t('Several addresses with commas.'))}
        </div>
      )}
    </FormDialog>
  );
}
