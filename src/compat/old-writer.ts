// old-writer: makes a writer of replies write as an old server did: errors in its words, and doubles with seventeen digits.
//
// The methods of the one writer are replaced, so that a server of today has no test on its way.

import type { Call } from '../registry/call.js';
import { ReplyWriter } from '../protocol/reply.js';
import { isBefore, type Profile } from './profile.js';
import { wordingOf } from './wording.js';

/** As C's printf prints %.17g; whole numbers have no exponent. */
export function seventeenDigits(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return Object.is(value, -0) ? '-0' : String(value);
  const [digits, exponent] = value.toPrecision(17).split('e');
  const short = digits!.includes('.') ? digits!.replace(/0+$/, '').replace(/\.$/, '') : digits!;
  if (exponent === undefined) return short;
  const size = Math.abs(Number(exponent));
  return `${short}e${exponent.startsWith('-') ? '-' : '+'}${size < 10 ? '0' : ''}${size}`;
}

/** `callOf`: the call whose reply is being written. */
export function writeAsOld(writer: ReplyWriter, profile: Profile, callOf: () => Call): ReplyWriter {
  const words = wordingOf(profile);
  const plain = ReplyWriter.prototype;
  writer.error = (text) => plain.error.call(writer, words(text, callOf()));
  // Errors of scripts.
  writer.uncountedError = (text) => plain.uncountedError.call(writer, words(text, callOf()));
  if (isBefore(profile, '7.2.0')) writer.double = (value) => plain.doubleText.call(writer, seventeenDigits(value));
  return writer;
}
