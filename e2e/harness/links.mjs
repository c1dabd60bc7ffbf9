// Links with other ports in them: how a test stands between two programs, or shuts a door.
//
// A link is the base64url of a protobuf message (proto/umweg/v1/link.proto). Ports are varint fields, so no more of protobuf is needed.

const SERVICE_PORTS = { tls: 3, plain: 6, bare: 7, relay: 8 };
const PROXY_PORTS = { tls: 2, plain: 5, bare: 6 };

/** The service's link with other ports, by name; 0: not offered. */
export const serviceWith = (link, ports) => rewritten(link, 'service', SERVICE_PORTS, ports);
export const proxyWith = (link, ports) => rewritten(link, 'proxy', PROXY_PORTS, ports);
export const portsOfService = (link) => portsOf(link, SERVICE_PORTS);
export const portsOfProxy = (link) => portsOf(link, PROXY_PORTS);

function portsOf(link, numbers) {
  const fields = fieldsOf(bytesOf(link));
  return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, Number(fields.find((field) => field.number === number)?.value ?? 0)]));
}

function rewritten(link, kind, numbers, ports) {
  const changed = Object.fromEntries(Object.entries(ports).map(([name, port]) => [numbers[name], port]));
  const kept = fieldsOf(bytesOf(link)).filter((field) => !(field.number in changed));
  const added = Object.entries(changed).filter(([, port]) => port !== 0);
  const bytes = [...kept.map((field) => field.bytes), ...added.map(([number, port]) => Buffer.from([...varint(number << 3), ...varint(port)]))];
  return `umweg://${kind}/${Buffer.concat(bytes).toString('base64url')}`;
}

function bytesOf(link) {
  return Buffer.from(link.split('/').at(-1), 'base64url');
}

/** Fields of the two kinds that links have: varints (0) and bytes (2). */
function fieldsOf(bytes) {
  const fields = [];
  let at = 0;
  const readVarint = () => {
    let [value, shift] = [0n, 0n];
    for (;;) {
      const byte = bytes[at++];
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
      shift += 7n;
    }
  };
  while (at < bytes.length) {
    const from = at;
    const tag = Number(readVarint());
    const value = readVarint();
    if ((tag & 7) === 2) at += Number(value);
    fields.push({ number: tag >> 3, value, bytes: bytes.subarray(from, at) });
  }
  return fields;
}

function varint(value) {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}
