// Leads into another network namespace: listens on a Unix socket, which any namespace sees, and connects to the port of this
// namespace's loopback that the first line names.
//
//     ip netns exec NAME node relay.mjs SOCKET
import { connect, createServer } from 'node:net';

const server = createServer((outside) => {
  let head = Buffer.alloc(0);
  outside.on('error', () => {}); // it closes next
  const take = (bytes) => {
    head = Buffer.concat([head, bytes]);
    const end = head.indexOf('\n');
    if (end < 0) return;
    outside.off('data', take);
    const inside = connect(Number(head.subarray(0, end)), '127.0.0.1');
    inside.on('error', () => outside.destroy());
    inside.write(head.subarray(end + 1));
    outside.pipe(inside).pipe(outside);
    outside.on('close', () => inside.destroy());
  };
  outside.on('data', take);
});
server.listen(process.argv[2], () => console.log('ready'));
