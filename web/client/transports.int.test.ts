import { describeTransport } from '../testing/transport-contract.ts';
import { TRANSPORTS } from './transports.ts';

for (const transport of TRANSPORTS) describeTransport(transport);
