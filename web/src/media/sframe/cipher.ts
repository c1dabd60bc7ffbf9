// One frame key of suite AES_128_GCM_SHA256_128: RFC 9605, sections 4.4 and 4.5. Every key is non-extractable.

import { decodeHeader, encodeHeader, type Header } from "./header";

/** AES_128_GCM_SHA256_128 in the registry of RFC 9605, section 8.1. */
export const SUITE = 0x0004;
/** Bytes that sealing adds after the header. */
export const TAG_BYTES = 16;

const KEY_LABEL = "SFrame 1.0 Secret key ";
const SALT_LABEL = "SFrame 1.0 Secret salt ";

export type Bytes = Uint8Array<ArrayBuffer>;

/** What seals and opens the frames of one key id. */
export type FrameKey = { key: CryptoKey; salt: Bytes };

/** An epoch's base key, for deriving only; `raw` is wiped. */
export async function importBaseKey(raw: Bytes): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveKey", "deriveBits"]);
  raw.fill(0);
  return base;
}

export async function deriveFrameKey(base: CryptoKey, kid: bigint): Promise<FrameKey> {
  const [key, salt] = await Promise.all([
    crypto.subtle.deriveKey(hkdf(KEY_LABEL, kid), base, { name: "AES-GCM", length: 128 }, false, [
      "encrypt",
      "decrypt",
    ]),
    crypto.subtle.deriveBits(hkdf(SALT_LABEL, kid), base, 96),
  ]);
  return { key, salt: new Uint8Array(salt) };
}

/** header || ciphertext || tag; the header and `clear` are authenticated. */
export async function seal(frameKey: FrameKey, header: Header, clear: Bytes, plain: Bytes): Promise<Bytes> {
  const head = encodeHeader(header);
  const sealed = await crypto.subtle.encrypt(gcm(frameKey, header.counter, head, clear), frameKey.key, plain);
  return joined(head, new Uint8Array(sealed));
}

/** The plaintext; rejects what this key did not seal with this header and `clear`. */
export async function open(frameKey: FrameKey, sealed: Bytes, clear: Bytes): Promise<Bytes> {
  const header = decodeHeader(sealed);
  if (!header) throw new RangeError("no SFrame header");
  const head = sealed.subarray(0, header.length);
  const plain = await crypto.subtle.decrypt(
    gcm(frameKey, header.counter, head, clear),
    frameKey.key,
    sealed.subarray(header.length),
  );
  return new Uint8Array(plain);
}

export function joined(first: Uint8Array, second: Uint8Array): Bytes {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function gcm({ salt }: FrameKey, counter: bigint, header: Uint8Array, clear: Uint8Array): AesGcmParams {
  return { name: "AES-GCM", iv: nonce(salt, counter), additionalData: joined(header, clear), tagLength: TAG_BYTES * 8 };
}

/** The salt XOR the counter, which stands in the last eight bytes. */
function nonce(salt: Bytes, counter: bigint): Bytes {
  const bytes = salt.slice();
  const view = new DataView(bytes.buffer);
  view.setBigUint64(4, view.getBigUint64(4) ^ counter);
  return bytes;
}

function hkdf(label: string, kid: bigint): HkdfParams {
  const text = new TextEncoder().encode(label);
  const info = new Uint8Array(text.length + 10);
  info.set(text);
  const view = new DataView(info.buffer);
  view.setBigUint64(text.length, kid);
  view.setUint16(text.length + 8, SUITE);
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info };
}
