// cluster: the map of slots, the nodes with their load, and what reshapes the cluster: the plan first, then the work with its progress.
import { useState } from 'preact/hooks';
import { get, mayAs } from '../base/api.js';
import { shown, shownStart } from '../base/bytes.js';
import { brief, bytes, count } from '../base/format.js';
import { t } from '../base/i18n.js';
import { JobView, useJob } from '../base/job.js';
import { Check, Dialog, Failure, Field, Loading, say, sayError, Table, useLoad, withConfirm } from '../base/ui.js';
import { infoText } from './about.js';
import type { ViewProps } from './server-page.js';

interface Node {
  readonly id: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly masterId?: string;
  readonly epoch: number;
  readonly ranges: readonly (readonly [number, number])[];
  readonly migrating: readonly (readonly [number, string])[];
  readonly importing: readonly (readonly [number, string])[];
  readonly usedMemory?: number;
  readonly opsPerSecond?: number;
  readonly clients?: number;
  readonly keys?: number;
  readonly offset?: number;
  readonly linkStatus?: string;
  readonly problem?: string;
}

const slotCount = 16384;
const hues = ['var(--accent)', 'var(--c-string)', 'var(--c-hash)', 'var(--c-set)', 'var(--c-zset)', 'var(--c-stream)'];
const slotsOf = ({ ranges }: Node): number => ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

type Order = {
  readonly command: 'check' | 'fix' | 'reshard' | 'rebalance' | 'add-node' | 'del-node';
  readonly node?: Node;
};

export function ClusterView({ server, about, me }: ViewProps) {
  const [order, setOrder] = useState<Order | undefined>();
  const loaded = useLoad(
    (signal) => get<{ info: string; nodes: Node[] }>(`${server.path}/cluster`, signal),
    [server],
    4000,
  );
  if (loaded.value === undefined)
    return loaded.error === undefined ? <Loading /> : <Failure error={loaded.error} retry={loaded.reload} />;
  const { info, nodes } = loaded.value;
  const masters = nodes
    .filter(({ flags }) => !flags.includes('slave'))
    .sort((a, b) => (a.ranges[0]?.[0] ?? slotCount) - (b.ranges[0]?.[0] ?? slotCount));
  const rows = masters.flatMap((master) => [master, ...nodes.filter(({ masterId }) => masterId === master.id)]);
  const canWork = mayAs(me, 'operator') && about.readOnlyReason === undefined;
  const failover = async (node: Node): Promise<void> => {
    try {
      const done = await withConfirm(
        server.name,
        t('Failover to {address}', { address: shownStart(node.address) }),
        (confirm) => server.post('cluster/failover', { address: node.address, confirm }),
      );
      if (done === undefined) return;
      say(t('The failover has begun.'));
      loaded.reload();
    } catch (error) {
      sayError(error);
    }
  };
  const state = infoText(info, 'cluster_state');
  const field = (name: string): string => shownStart(infoText(info, name) ?? '?', 40);
  return (
    <div class="stack">
      <section class="panel">
        <header>
          <h2>{t('Slots')}</h2>
          <span class={`badge ${state === 'ok' ? 'accent' : 'danger'}`}>{shownStart(state ?? '?', 40)}</span>
          <span class="muted small grow">
            {t('{n} of 16384 slots served, {size} masters, epoch {epoch}', {
              n: field('cluster_slots_assigned'),
              size: field('cluster_size'),
              epoch: field('cluster_current_epoch'),
            })}
          </span>
          {mayAs(me, 'operator') && (
            <span class="row tight">
              <button type="button" onClick={() => setOrder({ command: 'check' })}>
                {t('Check')}
              </button>
              {canWork && (
                <button type="button" onClick={() => setOrder({ command: 'fix' })}>
                  {t('Fix')}
                </button>
              )}
              {canWork && (
                <button type="button" onClick={() => setOrder({ command: 'reshard' })}>
                  {t('Reshard')}
                </button>
              )}
              {canWork && (
                <button type="button" onClick={() => setOrder({ command: 'rebalance' })}>
                  {t('Rebalance')}
                </button>
              )}
              {canWork && (
                <button type="button" class="primary" onClick={() => setOrder({ command: 'add-node' })}>
                  {t('Add node')}
                </button>
              )}
            </span>
          )}
        </header>
        <div class="body">
          <SlotMap masters={masters} />
        </div>
      </section>
      <section class="panel">
        <header>
          <h2>{t('Nodes')}</h2>
        </header>
        <Table
          label={t('Nodes')}
          columns={[
            {
              name: t('Node'),
              show: (node) => (
                <>
                  <span class="mono">
                    {node.flags.includes('slave') ? '↳ ' : ''}
                    {shownStart(node.address)}
                  </span>
                  <div class="muted small mono" title={shownStart(node.id, 40)}>
                    {shown(node.id.slice(0, 8))}…
                  </div>
                </>
              ),
            },
            {
              name: t('Role'),
              show: (node) => (
                <>
                  <span class={`badge ${node.flags.includes('slave') ? '' : 'accent'}`}>
                    {node.flags.includes('slave') ? t('replica') : t('master')}
                  </span>{' '}
                  {node.flags.some((flag) => flag.startsWith('fail')) && (
                    <span class="badge danger">
                      {t(shownStart(node.flags.find((flag) => flag.startsWith('fail'))!))}
                    </span>
                  )}
                  {node.problem !== undefined && (
                    <div class="small" style={{ color: 'var(--danger)' }}>
                      {shownStart(node.problem)}
                    </div>
                  )}
                </>
              ),
            },
            {
              name: t('Slots'),
              isNumber: true,
              show: (node) => (
                <>
                  {slotsOf(node) > 0 ? count(slotsOf(node)) : '–'}
                  {node.migrating.length + node.importing.length > 0 && (
                    <div class="badge warn">
                      {t('{n} moving', { n: node.migrating.length + node.importing.length })}
                    </div>
                  )}
                </>
              ),
            },
            { name: t('Keys'), isNumber: true, show: ({ keys }) => brief(keys ?? NaN) },
            { name: t('Memory'), isNumber: true, show: ({ usedMemory }) => bytes(usedMemory ?? NaN) },
            { name: t('ops/s'), isNumber: true, show: ({ opsPerSecond }) => brief(opsPerSecond ?? NaN) },
            { name: t('Lag'), isNumber: true, show: (node) => lagOf(node, nodes) },
            ...(canWork
              ? [
                  {
                    name: '',
                    show: (node: Node) => (
                      <span class="row tight nowrap">
                        {node.flags.includes('slave') && (
                          <button type="button" class="plain" onClick={() => void failover(node)}>
                            {t('Make it the master')}
                          </button>
                        )}
                        <button
                          type="button"
                          class="plain danger"
                          onClick={() => setOrder({ command: 'del-node', node })}
                        >
                          {t('Remove')}
                        </button>
                      </span>
                    ),
                  },
                ]
              : []),
          ]}
          rows={rows}
          keyOf={({ id }) => id}
        />
      </section>
      {order !== undefined && (
        <OrderDialog
          server={server}
          order={order}
          masters={masters}
          onClose={() => {
            setOrder(undefined);
            loaded.reload();
          }}
        />
      )}
    </div>
  );
}

function lagOf(node: Node, nodes: readonly Node[]): string {
  if (!node.flags.includes('slave')) return '–';
  if (node.linkStatus !== 'up') return shownStart(node.linkStatus ?? '?', 40);
  const master = nodes.find(({ id }) => id === node.masterId);
  return bytes(Math.max(0, (master?.offset ?? NaN) - (node.offset ?? NaN)));
}

function SlotMap({ masters }: { masters: readonly Node[] }) {
  return (
    <div class="stack">
      <svg
        class="slots"
        viewBox={`0 0 ${slotCount} 100`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t('Which master serves which slots')}
      >
        {masters.flatMap((master, index) =>
          master.ranges.map(([first, last]) => (
            <rect
              key={`${master.id}${first}`}
              x={first}
              y="0"
              width={last - first + 1}
              height="100"
              fill={hues[index % hues.length]}
            >
              <title>{`${shownStart(master.address)}: ${first}-${last}`}</title>
            </rect>
          )),
        )}
      </svg>
      <div class="row small">
        {masters.map((master, index) => (
          <span key={master.id} class="row tight">
            <span class="dot" style={{ background: hues[index % hues.length]! }} />{' '}
            <span class="mono">{shownStart(master.address)}</span> <span class="muted">{count(slotsOf(master))}</span>
          </span>
        ))}
      </div>
    </div>
  );
}

function OrderDialog({
  server,
  order,
  masters,
  onClose,
}: {
  server: ViewProps['server'];
  order: Order;
  masters: readonly Node[];
  onClose: () => void;
}) {
  const { command, node } = order;
  const [slots, setSlots] = useState('1000');
  const [to, setTo] = useState(masters.find((master) => slotsOf(master) === 0)?.id ?? masters[0]?.id ?? '');
  const [from, setFrom] = useState('all');
  const [by, setBy] = useState('slots');
  const [usesEmpty, setUsesEmpty] = useState(true);
  const [address, setAddress] = useState('');
  const [masterId, setMasterId] = useState('');
  const [planId, setPlanId] = useState<string | undefined>();
  const [workId, setWorkId] = useState<string | undefined>();
  const plan = useJob(planId);
  const work = useJob(workId);
  const body = {
    command,
    ...(command === 'reshard' ? { slots: Number(slots), to, from } : {}),
    ...(command === 'rebalance' ? { by, useEmptyMasters: usesEmpty } : {}),
    ...(command === 'add-node' ? { address, ...(masterId === '' ? {} : { masterId }) } : {}),
    ...(command === 'del-node' ? { node: node!.id } : {}),
  };
  const show = (event: Event): void => {
    event.preventDefault();
    setWorkId(undefined);
    server.post<{ job: string }>('cluster', { ...body, plan: true }).then(({ job }) => setPlanId(job), sayError);
  };
  const run = (): void => {
    withConfirm(server.name, titles()[command], (confirm) =>
      server.post<{ job: string }>('cluster', { ...body, plan: false, confirm }),
    ).then((started) => started !== undefined && setWorkId(started.job), sayError);
  };
  const named = (master: Node): string => `${shownStart(master.address)} (${slotsOf(master)})`;
  return (
    <Dialog
      title={node === undefined ? titles()[command] : `${titles()[command]}: ${shownStart(node.address)}`}
      onClose={onClose}
      isWide
    >
      <form class="stack" onSubmit={show}>
        <div class="form two">
          {command === 'reshard' && (
            <>
              <Field label={t('Slots to move')}>
                <input
                  type="number"
                  min="1"
                  max="16384"
                  required
                  value={slots}
                  onInput={(event) => setSlots(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('From')}>
                <select value={from} onChange={(event) => setFrom(event.currentTarget.value)}>
                  <option value="all">{t('all other masters')}</option>
                  {masters.map((master) => (
                    <option key={master.id} value={master.id}>
                      {named(master)}
                    </option>
                  ))}
                </select>
              </Field>
              <Field label={t('To')}>
                <select value={to} onChange={(event) => setTo(event.currentTarget.value)}>
                  {masters.map((master) => (
                    <option key={master.id} value={master.id}>
                      {named(master)}
                    </option>
                  ))}
                </select>
              </Field>
            </>
          )}
          {command === 'rebalance' && (
            <Field label={t('Even out')}>
              <select value={by} onChange={(event) => setBy(event.currentTarget.value)}>
                <option value="slots">{t('Slots')}</option>
                <option value="keys">{t('Keys')}</option>
                <option value="memory">{t('Memory')}</option>
              </select>
            </Field>
          )}
          {command === 'add-node' && (
            <>
              <Field label={t('Address')}>
                <input
                  class="mono"
                  required
                  placeholder="host:port"
                  value={address}
                  onInput={(event) => setAddress(event.currentTarget.value)}
                />
              </Field>
              <Field label={t('As')}>
                <select value={masterId} onChange={(event) => setMasterId(event.currentTarget.value)}>
                  <option value="">{t('empty master')}</option>
                  {masters.map((master) => (
                    <option key={master.id} value={master.id}>
                      {t('replica of {name}', { name: shownStart(master.address) })}
                    </option>
                  ))}
                </select>
              </Field>
            </>
          )}
        </div>
        {command === 'rebalance' && (
          <Check label={t('Give slots to empty masters too')} checked={usesEmpty} onChange={setUsesEmpty} />
        )}
        <div class="row">
          <button type="submit" class={plan.job?.state === 'done' ? '' : 'primary'}>
            {command === 'check' ? t('Check') : t('Show the plan')}
          </button>
          {command !== 'check' && plan.job?.state === 'done' && (
            <button type="button" class="danger" disabled={workId !== undefined} onClick={run}>
              {t('Carry it out')}
            </button>
          )}
        </div>
        {workId === undefined ? (
          <JobView {...plan} unit={command === 'check' ? t('Check') : t('Plan')} />
        ) : (
          <JobView {...work} unit={t('Slots')} />
        )}
      </form>
    </Dialog>
  );
}

function titles(): Readonly<Record<Order['command'], string>> {
  return {
    check: t('Check the cluster'),
    fix: t('Fix the cluster'),
    reshard: t('Move slots'),
    rebalance: t('Rebalance slots'),
    'add-node': t('Add a node'),
    'del-node': t('Remove a node'),
  };
}
