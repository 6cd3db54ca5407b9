import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { arcsine, cosine, sine } from './geohash-trigonometry.js';
import {
  decodePlace,
  distanceBetween,
  distanceWithin,
  encodePlace,
  exactDistanceBetween,
  geohashText,
  place,
  rangesCovering,
  type SearchArea,
} from './geohash.js';

const seed = Number(process.env.KVASIR_SEED ?? 1);

test('a place comes back from its number, less than a metre away', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 5000; round++) {
    const longitude = prng.unit() * 360 - 180;
    const latitude = prng.unit() * 170 - 85;
    const score = encodePlace(longitude, latitude);
    assert.ok(Number.isSafeInteger(score) && score < 2 ** 52);
    decodePlace(score);
    assert.ok(
      distanceBetween(longitude, latitude, place.longitude, place.latitude) < 0.7,
      `seed ${seed} round ${round}`,
    );
  }
});

test('known places have their known numbers and texts', () => {
  // The example of Redis's documentation.
  const palermo = encodePlace(13.361389, 38.115556);
  const catania = encodePlace(15.087269, 37.502669);
  assert.equal(palermo, 3479099956230698);
  assert.equal(catania, 3479447370796909);
  assert.equal(geohashText(palermo), 'sqc8b49rny0');
  assert.equal(geohashText(catania), 'sqdtr74hyu0');
});

test('any double is decoded to a place on the map', () => {
  for (const score of [-1, -0.5, 0.5, 1e300, -1e300, Infinity, -Infinity, 2 ** 52, 2 ** 53, 2 ** 63, 2 ** 64]) {
    decodePlace(score);
    assert.ok(Math.abs(place.longitude) <= 180 && Math.abs(place.latitude) <= 85.06, String(score));
  }
});

test('the ranges of an area hold every place in it', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 2000; round++) {
    const width = 10 ** (prng.unit() * 6);
    const area: SearchArea = {
      shape: prng.chance(50) ? 'circle' : 'box',
      longitude: prng.unit() * 300 - 150,
      latitude: prng.unit() * 120 - 60,
      width,
      height: width,
    };
    const ranges = rangesCovering(area);
    assert.ok(ranges.length >= 1 && ranges.length <= 9);
    for (let tries = 0; tries < 20; tries++) {
      const degrees = (width / 111_000) * 0.6;
      const score = encodePlace(
        area.longitude + ((prng.unit() - 0.5) * degrees) / 2,
        area.latitude + ((prng.unit() - 0.5) * degrees) / 2,
      );
      decodePlace(score);
      if (distanceWithin(area, place.longitude, place.latitude) < 0) continue;
      assert.ok(
        ranges.some(({ from, to }) => score >= from && score < to),
        `seed ${seed} round ${round}`,
      );
    }
  }
});

test('exact distances agree with the fast ones to 14 digits', () => {
  const prng = new Prng(seed);
  for (let round = 0; round < 2000; round++) {
    const [a, b, c, d] = [
      prng.unit() * 360 - 180,
      prng.unit() * 170 - 85,
      prng.unit() * 360 - 180,
      prng.unit() * 170 - 85,
    ];
    const fast = distanceBetween(a, b, c, d);
    assert.ok(Math.abs(exactDistanceBetween(a, b, c, d) - fast) <= fast * 1e-14, `seed ${seed} round ${round}`);
  }
  for (let step = 0; step <= 1000; step++) {
    const x = (step / 1000) * Math.PI;
    assert.ok(Math.abs(sine(x) - Math.sin(x)) < 3e-16);
    assert.ok(Math.abs(cosine(-x) - Math.cos(x)) < 3e-16);
    assert.ok(Math.abs(arcsine(step / 1000) - Math.asin(step / 1000)) < 5e-16);
  }
});
