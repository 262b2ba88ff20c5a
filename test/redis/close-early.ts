import { readConfig } from '../../source/config.ts';
import { connect } from '../../source/redis/connection/connect.ts';

// A process that closes its connections to a cluster while they are becoming ready; run by refusing-servers.test.ts.

const [url = '', event = 'connect'] = process.argv.slice(2);
const [connection] = connect(readConfig({ url: [url], cluster: true }, { XDG_CONFIG_HOME: '/nonexistent' }));
if (!connection) throw new Error('Nothing opened');
await connection.ready(20_000);
const listener = connection.listen();
listener.once(event === 'refreshing' ? 'ready' : event, () => {
  if (event === 'refreshing') {
    // As when the timer of ioredis goes off just before the end: its answer sets the timer again.
    const slotsTimer: unknown = Reflect.get(listener, 'slotsTimer');
    const goOff: unknown = slotsTimer && Reflect.get(Object(slotsTimer), '_onTimeout');
    if (typeof goOff === 'function') goOff();
  }
  connection.close();
});
