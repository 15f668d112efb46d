/** A race as `/races` lists it. */
export interface ListedRace {
  readonly race: string;
  readonly name: string | null;
  readonly kind: string | null;
}

/**
 * The races of the edge that serves this page.
 * @throws {Error} whose message is a sentence for people.
 */
export async function listRaces(base: string): Promise<ListedRace[]> {
  let response: Response;
  try {
    response = await fetch(new URL('races', base));
  } catch (cause) {
    throw new Error('The server cannot be reached; this page tries again every few seconds.', { cause });
  }
  if (!response.ok) throw new Error(`The server cannot list its races at the moment (status ${response.status}).`);
  return (await response.json()) as ListedRace[];
}
