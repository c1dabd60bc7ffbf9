// The second SFrame against the RFC's own vector (appendix C.3, suite 4): else "it does not open" would mean nothing.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyIdOf, opens } from './harness/sframe.mjs';

const VECTOR = {
  baseKey: '000102030405060708090a0b0c0d0e0f',
  kid: 0x123n,
  metadata: '4945544620534672616d65205747',
  sealed: '9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb',
};
const bytes = (hex) => Buffer.from(hex, 'hex');
const base64url = (hex) => bytes(hex).toString('base64url');

test('a frame of the RFC opens with its key and metadata, and with no other', async () => {
  const [frame, metadata] = [bytes(VECTOR.sealed), bytes(VECTOR.metadata)];
  assert.equal(keyIdOf(frame), VECTOR.kid);
  assert.equal(await opens(base64url(VECTOR.baseKey), frame, metadata), true);
  assert.equal(await opens(base64url(VECTOR.baseKey.replace('0f', '0e')), frame, metadata), false);
  assert.equal(await opens(base64url(VECTOR.baseKey), frame), false);
  frame[frame.length - 1] ^= 1;
  assert.equal(await opens(base64url(VECTOR.baseKey), frame, metadata), false);
});
