import { expect, it } from 'vitest';
import { copyIn, describeServer, type ServerStreams } from './cluster-report.ts';

const STREAM = 'RACE_a';
const accountsWith = (cluster: object): ServerStreams['account_details'] => [
  {},
  { stream_detail: [{ name: 'other', state: { messages: 1, last_seq: 1 } }] },
  { stream_detail: [{ name: STREAM, state: { messages: 40, last_seq: 42 }, cluster }] },
];

it.each<[what: string, answer: ServerStreams | undefined, stream: string | undefined, line: string]>([
  ['is down', undefined, STREAM, 'nats-0 does not answer.'],
  ['knows nobody', {}, undefined, 'nats-0 counts no servers, led by nobody.'],
  [
    'follows',
    { meta_cluster: { leader: 'nats-1', cluster_size: 3 } },
    undefined,
    'nats-0 counts 3 servers, led by nats-1.',
  ],
  [
    'only believes that another one is behind',
    { meta_cluster: { leader: 'nats-1', cluster_size: 3, replicas: [{ name: 'nats-2', lag: 9 }] } },
    undefined,
    'nats-0 counts 3 servers, led by nats-1.',
  ],
  [
    'leads two of three',
    { meta_cluster: { leader: 'nats-0', cluster_size: 2, replicas: [{ name: 'nats-2', current: true }] } },
    undefined,
    'nats-0 counts 2 servers, led by nats-0 (nats-2 current).',
  ],
  [
    'has no copy',
    { meta_cluster: { leader: 'nats-1', cluster_size: 3 } },
    STREAM,
    'nats-0 counts 3 servers, led by nats-1; of RACE_a it has none.',
  ],
  [
    'leads the stream, of which one copy is behind and one is away',
    {
      meta_cluster: { leader: 'nats-1', cluster_size: 3 },
      account_details: accountsWith({
        leader: 'nats-0',
        replicas: [
          { name: 'nats-1', current: false, lag: 7 },
          { name: 'nats-2', current: false, offline: true, lag: 12 },
        ],
      }),
    },
    STREAM,
    'nats-0 counts 3 servers, led by nats-1; of RACE_a it has 40 up to 42, led by nats-0 (nats-1 not current and 7 behind, nats-2 offline and 12 behind).',
  ],
])('a server that %s is described', (_, answer, stream, line) => {
  expect(describeServer('nats-0', answer, stream)).toBe(line);
});

it('a copy is what the server holds, in whichever account', () => {
  expect(copyIn({ account_details: accountsWith({}) ?? [] }, STREAM)).toBe('40 up to 42');
  expect(copyIn({}, STREAM)).toBe('none');
});
