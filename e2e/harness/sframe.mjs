// RFC 9605 a second time, from the document and not from the pages' code: who holds a base key tries it on a sealed frame.
import { webcrypto } from 'node:crypto';

const { subtle } = webcrypto;
/** AES_128_GCM_SHA256_128. */
const SUITE = 0x0004;

/** Whether a frame opens with a base key (base64url). The frame has no clear bytes before its header, as a microphone's have none. */
export async function opens(baseKey, frame, metadata = Buffer.alloc(0)) {
  const { kid, counter, length } = headerOf(frame);
  const base = await subtle.importKey('raw', Buffer.from(baseKey, 'base64url'), 'HKDF', false, ['deriveBits']);
  const [key, salt] = await Promise.all([derived(base, 'SFrame 1.0 Secret key ', kid, 128), derived(base, 'SFrame 1.0 Secret salt ', kid, 96)]);
  salt.writeBigUInt64BE(salt.readBigUInt64BE(4) ^ counter, 4);
  const algorithm = { name: 'AES-GCM', iv: salt, additionalData: Buffer.concat([frame.subarray(0, length), metadata]), tagLength: 128 };
  const cipher = await subtle.importKey('raw', key, 'AES-GCM', false, ['decrypt']);
  return subtle.decrypt(algorithm, cipher, frame.subarray(length)).then(() => true, () => false);
}

/** Which key sealed it. */
export function keyIdOf(frame) {
  return headerOf(frame).kid;
}

/** Section 4.3: small numbers stand in the first byte, others follow it. */
function headerOf(frame) {
  let at = 1;
  const number = (field, follows) => {
    if (!follows) return BigInt(field);
    const from = at;
    at += field + 1;
    return frame.subarray(from, at).reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  };
  const [config] = frame;
  const kid = number((config >> 4) & 7, config & 0x80);
  const counter = number(config & 7, config & 0x08);
  return { kid, counter, length: at };
}

/** Section 4.4.2. */
async function derived(base, label, kid, bits) {
  const info = Buffer.concat([Buffer.from(label), Buffer.alloc(10)]);
  info.writeBigUInt64BE(kid, info.length - 10);
  info.writeUInt16BE(SUITE, info.length - 2);
  return Buffer.from(await subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: Buffer.alloc(0), info }, base, bits));
}
