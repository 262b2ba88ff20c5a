export type { ChannelState } from './channel/channel-state.ts';
export { forget } from './channel/forget.ts';
export { type ChannelStatus, channels, status } from './channel/status.ts';
export { type ConsumeOptions, consume } from './consumer/consume.ts';
export type { Delivery } from './consumer/delivery.ts';
export type { LineBatch } from './consumer/line-batch.ts';
export { OutDirectory } from './consumer/out.ts';
export { type ShipOptions, type ShipProgress, type Shipped, ship } from './ship.ts';
