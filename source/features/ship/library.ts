export type { ChannelState } from './channel-state.ts';
export { type ConsumeOptions, consume } from './consume.ts';
export type { Delivery } from './delivery.ts';
export { forget } from './forget.ts';
export type { LineBatch } from './line-batch.ts';
export { OutDirectory } from './out.ts';
export { type ShipOptions, type ShipProgress, type Shipped, ship } from './ship.ts';
export { type ChannelStatus, channels, status } from './status.ts';
