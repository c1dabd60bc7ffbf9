// What an app of Signal's does when somebody has set a proxy in it: app.mjs LIBRARY HOST PORT.
const [library, host, port] = process.argv.slice(2);
const { BuildVariant, Environment, Net } = await import(`${library}/dist/net.js`);

const net = new Net({ localTestServer: false, env: Environment.Production, userAgent: 'test', buildVariant: BuildVariant.Production });
net.setProxy({ scheme: 'org.signal.tls', host, port: Number(port) });
console.log('ready');
const listener = { onConnectionInterrupted() {}, onIncomingMessage() {}, onQueueEmpty() {} };
await net.connectUnauthenticatedChat(listener).catch((error) => console.log('refused:', error.message));
