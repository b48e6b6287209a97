// A session of the npm client with the given URL. It runs in its own process, since Node reads the
// certificates that it trusts (NODE_EXTRA_CA_CERTS) when it starts. Prints what it received.

import { Eventhub } from 'eventhub-jsclient';

const [, , url] = process.argv;
const hub = new Eventhub(url, undefined, { disablePingCheck: true });

await hub.connect();
const received = new Promise((resolve) => hub.subscribe('session/#', resolve));
await hub.publish('session/1', 'over TLS');
console.log(JSON.stringify(await received));
await hub.disconnect();
