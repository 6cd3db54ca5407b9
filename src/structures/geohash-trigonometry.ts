// geohash-trigonometry: sine, cosine and arcsine rounded to the nearest double, for distances that are printed in full.
//
// Math.sin and its kin may be off by one in the last place, and differ between engines and C libraries; the distances that
// STOREDIST keeps are printed with 17 digits. Here a number is a sum of two doubles (about 106 bits), the functions are
// Taylor series, and the result is rounded once, which is what a good C library gives nearly always.
//
// Slower than Math by a factor of about 20. The operations are Dekker's and Knuth's.

const SPLITTER = 134217729; // 2^27 + 1
const HALF_PI_HIGH = 1.5707963267948966;
const HALF_PI_LOW = 6.123233995736766e-17;
const TERMS = 14;

/** The result of the last operation: high + low, |low| at most half a unit of high's last place. */
let $high = 0;
let $low = 0;

function setSum(a: number, b: number): void {
  const sum = a + b;
  const back = sum - a;
  $low = a - (sum - back) + (b - back);
  $high = sum;
}

function setProduct(a: number, b: number): void {
  const product = a * b;
  const aScaled = SPLITTER * a;
  const aHigh = aScaled - (aScaled - a);
  const aLow = a - aHigh;
  const bScaled = SPLITTER * b;
  const bHigh = bScaled - (bScaled - b);
  const bLow = b - bHigh;
  $low = aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow;
  $high = product;
}

/** ($high, $low) times another. */
function multiply(high: number, low: number): void {
  const cross = $high * low + $low * high;
  setProduct($high, high);
  setSum($high, $low + cross);
}

/** ($high, $low) plus another. */
function add(high: number, low: number): void {
  const rest = $low + low;
  setSum($high, high);
  setSum($high, $low + rest);
}

/** 1/0!, -1/1!... as pairs: every second factorial, with signs in turn. */
function seriesFrom(first: number): Float64Array {
  const pairs = new Float64Array(2 * TERMS);
  let factorial = 1n;
  for (let n = 2n; n <= BigInt(first); n++) factorial *= n;
  for (let term = 0; term < TERMS; term++) {
    const sign = term % 2 === 0 ? 1 : -1;
    const high = 1 / Number(factorial);
    // The rest of 1/n! after `high`, from 200 bits of the quotient.
    const scaled = (1n << 300n) / factorial;
    const shift = 2 ** 150;
    const highScaled = BigInt(high * shift * 2 ** 50) << 100n;
    pairs[2 * term] = sign * high;
    pairs[2 * term + 1] = (sign * Number(scaled - highScaled)) / 2 ** 300;
    const n = BigInt(first + 2 * term);
    factorial *= (n + 1n) * (n + 2n);
  }
  return pairs;
}

const sineSeries = seriesFrom(1);
const cosineSeries = seriesFrom(0);

/** Sets ($high, $low) to the sum of a series in the square of (high, low). */
function sumSeries(series: Float64Array, high: number, low: number): void {
  $high = high;
  $low = low;
  multiply(high, low);
  const squareHigh = $high;
  const squareLow = $low;
  $high = series[2 * TERMS - 2]!;
  $low = series[2 * TERMS - 1]!;
  for (let term = TERMS - 2; term >= 0; term--) {
    multiply(squareHigh, squareLow);
    add(series[2 * term]!, series[2 * term + 1]!);
  }
}

/** Sets ($high, $low) to the sine of x + quarters * pi / 2, for x of at most 2 pi. */
function setSine(x: number, quarters: number): void {
  const turns = Math.round(x / HALF_PI_HIGH);
  setSum(x, -turns * HALF_PI_HIGH);
  add(-turns * HALF_PI_LOW, 0);
  const high = $high;
  const low = $low;
  const quadrant = (((turns + quarters) % 4) + 4) % 4;
  if ((quadrant & 1) === 0) {
    sumSeries(sineSeries, high, low);
    multiply(high, low);
  } else {
    sumSeries(cosineSeries, high, low);
  }
  if (quadrant >= 2) {
    $high = -$high;
    $low = -$low;
  }
}

export function sine(x: number): number {
  setSine(x, 0);
  return $high;
}

export function cosine(x: number): number {
  setSine(x, 1);
  return $high;
}

/** The arcsine of a number of 0 to 1. */
export function arcsine(value: number): number {
  const near = Math.asin(value);
  setSine(near, 1);
  const slope = $high;
  if (slope === 0) return near;
  setSine(near, 0);
  // One step of Newton's method from a result that is right but for its last place.
  return near + (value - $high - $low) / slope;
}
