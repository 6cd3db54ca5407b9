// charset: text from bytes in any of MySQL's character sets.
//
// MySQL's latin1 is Windows-1252 whose five gaps are the control characters of the same number. The other sets come from
// iconv-lite, by their names there.

import iconv from 'iconv-lite';

export type DecodeText = (bytes: Uint8Array) => string;

const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** The characters at 0x80 to 0x9f. */
const latin1High =
  '\u20ac\u0081\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u008d\u017d\u008f' +
  '\u0090\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u009d\u017e\u0178';

function decodeLatin1(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('latin1');
  if (!/[\u0080-\u009f]/.test(text)) return text;
  return text.replace(/[\u0080-\u009f]/g, (letter) => latin1High[letter.charCodeAt(0) - 0x80]!);
}

export const decodeUtf8: DecodeText = (bytes) => asBuffer(bytes).toString('utf8');

const own: Readonly<Record<string, DecodeText>> = {
  utf8: decodeUtf8,
  utf8mb3: decodeUtf8,
  utf8mb4: decodeUtf8,
  ascii: (bytes) => asBuffer(bytes).toString('latin1'),
  latin1: decodeLatin1,
  utf16le: (bytes) => asBuffer(bytes).toString('utf16le'),
};

const borrowed: Readonly<Record<string, string>> = {
  armscii8: 'armscii8',
  big5: 'big5',
  cp1250: 'cp1250',
  cp1251: 'cp1251',
  cp1256: 'cp1256',
  cp1257: 'cp1257',
  cp850: 'cp850',
  cp852: 'cp852',
  cp866: 'cp866',
  cp932: 'cp932',
  eucjpms: 'eucjp',
  euckr: 'euckr',
  gb18030: 'gb18030',
  gb2312: 'gb2312',
  gbk: 'gbk',
  geostd8: 'georgianps',
  greek: 'iso-8859-7',
  hebrew: 'iso-8859-8',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  latin2: 'iso-8859-2',
  latin5: 'iso-8859-9',
  latin7: 'iso-8859-13',
  macce: 'maccenteuro',
  macroman: 'macroman',
  sjis: 'shiftjis',
  tis620: 'tis620',
  ucs2: 'utf16-be',
  ujis: 'eucjp',
  utf16: 'utf16-be',
  utf32: 'utf32-be',
};

/** The decoder of a character set; undefined when nobody here can read it. */
export function decoderOf(charset: string): DecodeText | undefined {
  const mine = own[charset];
  if (mine !== undefined) return mine;
  const name = borrowed[charset];
  return name === undefined ? undefined : (bytes) => iconv.decode(asBuffer(bytes), name);
}
