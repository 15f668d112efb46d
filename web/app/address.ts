/** What the address of the page says: `?race=demo&car=24`. */
export interface Address {
  readonly race: string | undefined;
  readonly car: string | undefined;
}

export function readAddress(search: string): Address {
  const params = new URLSearchParams(search);
  return { race: params.get('race') || undefined, car: params.get('car') || undefined };
}

export function formatAddress({ race, car }: Address): string {
  const params = new URLSearchParams();
  if (race !== undefined) params.set('race', race);
  if (car !== undefined) params.set('car', car);
  const query = params.toString();
  return query === '' ? './' : `?${query}`;
}
