/** What the address of the page says: `?race=demo&car=24`, and in a link to a moment `&at=1771185600000`. */
export interface Address {
  readonly race: string | undefined;
  readonly car: string | undefined;
  /** Race time from which to play, Unix ms. */
  readonly at?: number | undefined;
}

export function readAddress(search: string): Address {
  const params = new URLSearchParams(search);
  const at = params.get('at') ?? '';
  return {
    race: params.get('race') || undefined,
    car: params.get('car') || undefined,
    at: /^\d{1,15}$/.test(at) ? Number(at) : undefined,
  };
}

export function formatAddress({ race, car, at }: Address): string {
  const params = new URLSearchParams();
  if (race !== undefined) params.set('race', race);
  if (car !== undefined) params.set('car', car);
  if (at !== undefined) params.set('at', String(at));
  const query = params.toString();
  return query === '' ? './' : `?${query}`;
}
