/** As far as it is read here of what a nats-server says at `/jsz?streams=true&accounts=true`. */
export interface ServerStreams {
  /** Who keeps the list of all streams. */
  readonly meta_cluster?: RaftGroup & { readonly cluster_size?: number };
  readonly account_details?: readonly { readonly stream_detail?: readonly StreamDetail[] }[];
}

interface StreamDetail {
  readonly name: string;
  readonly state: { readonly messages: number; readonly last_seq: number };
  readonly cluster?: RaftGroup;
}

interface RaftGroup {
  readonly leader?: string;
  /** The others, as the server sees them. */
  readonly replicas?: readonly {
    readonly name: string;
    readonly current?: boolean;
    readonly offline?: boolean;
    readonly lag?: number;
  }[];
}

const streamIn = ({ account_details: accounts = [] }: ServerStreams, stream: string) =>
  accounts.flatMap((one) => one.stream_detail ?? []).find(({ name }) => name === stream);

/** What a server holds of a stream, as `<messages> up to <sequence>`. */
export function copyIn(answer: ServerStreams, stream: string): string {
  const state = streamIn(answer, stream)?.state;
  return state ? `${state.messages} up to ${state.last_seq}` : 'none';
}

/**
 * One line on what a server of a cluster says of itself, for a test that waited in vain.
 * @param answer `undefined` when it does not answer. @param stream `undefined` for none.
 */
export function describeServer(name: string, answer: ServerStreams | undefined, stream?: string): string {
  if (!answer) return `${name} does not answer.`;
  const { meta_cluster: meta = {} } = answer;
  const cluster = `counts ${meta.cluster_size ?? 'no'} servers, led by ${describeGroup(name, meta)}`;
  if (stream === undefined) return `${name} ${cluster}.`;
  const detail = streamIn(answer, stream);
  const led = detail ? `, led by ${describeGroup(name, detail.cluster ?? {})}` : '';
  return `${name} ${cluster}; of ${stream} it has ${copyIn(answer, stream)}${led}.`;
}

/** Only the leader knows how far the others are: what followers say of each other is left out. */
function describeGroup(teller: string, { leader, replicas = [] }: RaftGroup): string {
  const others = (leader === teller ? replicas : []).map(({ name, current = false, offline = false, lag = 0 }) => {
    const state = offline ? 'offline' : current ? 'current' : 'not current';
    return `${name} ${state}${lag > 0 ? ` and ${lag} behind` : ''}`;
  });
  return [leader || 'nobody', ...(others.length > 0 ? [`(${others.join(', ')})`] : [])].join(' ');
}
