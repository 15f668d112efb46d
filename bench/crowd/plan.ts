import { createRandom } from '../../ingest/simulator/random.ts';
import type { History } from '../../protocol/control.ts';

/** What a crowd of fans does; the same for all its processes. */
export interface CrowdPlan {
  /** Such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly race: string;
  /** Cars of the race that fans choose from. */
  readonly cars: readonly string[];
  readonly carsPerFan: number;
  readonly view: string;
  /** `random`: each fan its own cars, hardly two the same. `shared`: as many choices as there are cars. */
  readonly choices: 'random' | 'shared';
  /** Whether fans want the race document. */
  readonly doc: boolean;
  /** What fans who come back want of the ticks that they missed. @defaultValue latest */
  readonly history?: History;
  /** Whether fans come back after a loss, with their position and inside the window of the welcome. */
  readonly returns: boolean;
  /** As the SDK does: a fan gives up what brings no handshake, or no byte, for so long. @defaultValue never */
  readonly patience?: { readonly connectMs: number; readonly silenceMs: number };
  /** Where given, the server is no edge and speaks otherwise; with NATS, fans share so many subjects. */
  readonly rival?: { readonly speaks: 'socket.io' } | { readonly speaks: 'nats'; readonly subjects: number };
}

/** The cars of one fan; the same for every run. */
export function chooseCars(plan: CrowdPlan, fan: number): string[] {
  const { cars, carsPerFan, choices } = plan;
  const count = Math.min(carsPerFan, cars.length);
  if (choices === 'shared') return Array.from({ length: count }, (_, n) => cars[(fan + n * 11) % cars.length]!);
  const random = createRandom(fan * 7919 + 1);
  const left = [...cars];
  return Array.from({ length: count }, () => left.splice(random.int(left.length), 1)[0]!);
}

/** Address and query with which a fan connects; all it has to say stands in it. */
export function fanPath(plan: CrowdPlan, fan: number, since: string | undefined): string {
  if (plan.rival) return plan.rival.speaks === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/';
  const watch = chooseCars(plan, fan)
    .map((car) => `${car}:${plan.view}`)
    .join(',');
  const history = plan.history ? `&history=${plan.history}` : '';
  const rest = `${plan.doc ? '' : '&doc=0'}${history}${since ? `&since=${since}` : ''}`;
  return `/races/${plan.race}/live?watch=${watch}${rest}`;
}
