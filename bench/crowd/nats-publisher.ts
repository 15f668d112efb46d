import { connect } from '@nats-io/transport-node';
import { serveFrames } from './frame-clock.ts';

// Feeds nats-server with what its WebSocket listener then sends to the fans: one message for each choice and tick.
// Arguments: the address of nats-server for clients, the port of its WebSocket listener.
const [servers, webSocketPort] = process.argv.slice(2);
const connection = await connect({ servers: servers! });
serveFrames(Number(webSocketPort), (frames) => {
  for (const [choice, frame] of frames.entries()) connection.publish(`choice.${choice}`, frame);
});
