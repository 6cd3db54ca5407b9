import assert from 'node:assert/strict';
import { it } from 'node:test';
import { authorization, encodePath, encodeQuery, sha256 } from './s3-signature.js';

// The examples of Amazon's documentation of Signature Version 4 for S3.
const credentials = { accessKey: 'AKIAIOSFODNN7EXAMPLE', secretKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const time = '20130524T000000Z';
const common = { host: 'examplebucket.s3.amazonaws.com', 'x-amz-content-sha256': sha256(''), 'x-amz-date': time };

const examples: [string, string, Record<string, string>, Record<string, string>, string][] = [
  [
    'GET of an object',
    '/test.txt',
    {},
    { range: 'bytes=0-9' },
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  ['GET of a setting', '/', { lifecycle: '' }, {}, 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
  [
    'a list',
    '/',
    { 'max-keys': '2', prefix: 'J' },
    {},
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
];

for (const [name, path, query, headers, signature] of examples)
  it(`signs ${name} as the documentation does`, () => {
    const request = { method: 'GET', path, query, headers: { ...common, ...headers }, bodyHash: sha256('') };
    assert.equal(authorization(request, credentials, 'us-east-1', time).split('Signature=')[1], signature);
  });

it('encodes paths and queries as S3 wants them', () => {
  assert.equal(encodePath("/a b/(c)*'!é~"), '/a%20b/%28c%29%2A%27%21%C3%A9~');
  assert.equal(encodeQuery({ b: '1+/', a: '', 'a-b': '&' }), 'a=&a-b=%26&b=1%2B%2F');
});
