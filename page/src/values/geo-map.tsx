// geo-map: members of a sorted set that GEOADD made, on a plain map: a grid of longitudes and latitudes, without tiles from elsewhere.
import { useState } from 'preact/hooks';
import { listIn, type ServerApi, textIn } from '../base/api.js';
import { shownStart } from '../base/bytes.js';
import { t } from '../base/i18n.js';
import { Failure, useLoad } from '../base/ui.js';

interface Spot {
  readonly member: string;
  readonly longitude: number;
  readonly latitude: number;
}

export function GeoMap({ server, name, members }: { server: ServerApi; name: string; members: readonly string[] }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t('As places on a map')}</summary>
      {isOpen && <Map server={server} name={name} members={members} />}
    </details>
  );
}

function Map({ server, name, members }: { server: ServerApi; name: string; members: readonly string[] }) {
  const spots = useLoad(async () => {
    const places = listIn(await server.one('GEOPOS', name, ...members));
    return places.flatMap((place, index): Spot[] => {
      const [longitude, latitude] = listIn(place).map((text) => Number(textIn(text)));
      return longitude === undefined || latitude === undefined
        ? []
        : [{ member: members[index]!, longitude, latitude }];
    });
  }, [server, name, members.join('\n')]);
  if (spots.error !== undefined) return <Failure error={spots.error} />;
  const found = spots.value ?? [];
  const around = (values: number[], least: number): [number, number] => {
    const low = Math.min(...values);
    const high = Math.max(...values);
    const margin = Math.max(least, (high - low) * 0.12);
    return [low - margin, high + margin];
  };
  if (found.length === 0) return null;
  const [west, east] = around(
    found.map(({ longitude }) => longitude),
    0.01,
  );
  const [south, north] = around(
    found.map(({ latitude }) => latitude),
    0.01,
  );
  const x = (longitude: number): number => ((longitude - west) / (east - west)) * 800;
  const y = (latitude: number): number => 420 - ((latitude - south) / (north - south)) * 420;
  const lines = [0, 1, 2, 3, 4];
  return (
    <svg class="map" viewBox="0 0 800 440" role="img" aria-label={t('{n} places', { n: found.length })}>
      {lines.map((line) => (
        <g key={line} stroke="var(--line)" fill="var(--muted)" font-size="11">
          <path d={`M${line * 200} 0V420M0 ${line * 105}H800`} />
          <text x={Math.min(740, line * 200 + 3)} y="434" stroke="none">
            {(west + ((east - west) * line) / 4).toFixed(3)}°
          </text>
          <text x="3" y={Math.max(12, line * 105 - 3)} stroke="none">
            {(north - ((north - south) * line) / 4).toFixed(3)}°
          </text>
        </g>
      ))}
      {found.map(({ member, longitude, latitude }) => (
        <g key={member}>
          <circle cx={x(longitude)} cy={y(latitude)} r="5" fill="var(--accent)" />
          <text x={x(longitude) + 8} y={y(latitude) + 4} font-size="12" fill="var(--text)">
            {shownStart(member, 30)}
          </text>
        </g>
      ))}
    </svg>
  );
}
