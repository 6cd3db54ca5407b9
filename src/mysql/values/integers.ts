// integers: whole numbers as numbers where that is exact.

/** A number where that is exact, else the bigint. */
export function shrinkInteger(value: bigint): number | bigint {
  return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;
}
