/** The parts of the page, one at a time on a small screen. */
export const VIEWS = ['car', 'field', 'compare', 'channels'] as const;
export type ViewName = (typeof VIEWS)[number];

/** What the address of the page says: `?race=demo&car=24,9&on=9&view=field`, and in a link to a moment `&at=1771185600000`. */
export interface Address {
  readonly race: string | undefined;
  /** The chosen cars, in order. */
  readonly cars: readonly string[];
  /** The one that fills the page, where it is not the first. */
  readonly focus?: string | undefined;
  readonly view?: ViewName | undefined;
  /** Race time from which to play, Unix ms. */
  readonly at?: number | undefined;
}

export function readAddress(search: string): Address {
  const params = new URLSearchParams(search);
  const at = params.get('at') ?? '';
  const view = VIEWS.find((name) => name === params.get('view'));
  return {
    race: params.get('race') || undefined,
    cars: (params.get('car') ?? '').split(',').filter(Boolean),
    ...(params.get('on') && { focus: params.get('on')! }),
    ...(view && view !== VIEWS[0] && { view }),
    ...(/^\d{1,15}$/.test(at) && { at: Number(at) }),
  };
}

export function formatAddress({ race, cars, focus, view, at }: Address): string {
  const parts: string[] = [];
  const put = (name: string, value: string) => parts.push(`${name}=${encodeURIComponent(value)}`);
  if (race !== undefined) put('race', race);
  // A comma may stand in a query as it is: people read addresses.
  if (cars.length > 0) parts.push(`car=${cars.map(encodeURIComponent).join(',')}`);
  if (focus !== undefined && focus !== cars[0]) put('on', focus);
  if (view !== undefined && view !== VIEWS[0]) put('view', view);
  if (at !== undefined) put('at', String(at));
  return parts.length === 0 ? './' : `?${parts.join('&')}`;
}
