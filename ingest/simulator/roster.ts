import type { RosterEntry } from '../../protocol/document.ts';

// Invented people, teams and makes; the numbers are text because "7" and "07" are two cars.
const FIELD = `
1|Wendell Harkaway|Copperline Racing|Ardent
2|Teo Brannigan|Quarry Road Motorsports|Vantor
02|Imogen Salt|Larkfield Autosport|Meridian
3|Dash Okonjo-Reed|Halcyon Works|Ardent
4|Mirela Vanthorpe|Bluestem Racing|Vantor
5|Cole Thackerby|Halcyon Works|Ardent
6|Junius Pell|Saltmarsh Brothers|Meridian
7|Ottoline Craye|Ironwood Competition|Vantor
07|Buck Farrenwood|Dry Creek Racing|Ardent
8|Lennox Abberline|Ironwood Competition|Vantor
9|Sable Whitcomb-Ray|Halcyon Works|Ardent
10|Rafe Underhallow|Northgate Speed|Meridian
11|Juno Tresillian|Copperline Racing|Ardent
12|Amos Kettleworth|Quarry Road Motorsports|Vantor
14|Priya Dunmarrow|Bluestem Racing|Vantor
15|Hollis Graywater|Tin Roof Racing|Meridian
16|Evander Stroud-Lisle|Larkfield Autosport|Meridian
17|Tamsin Oakhurst|Redhawk & Lowe|Vantor
19|Boone Carrowmore|Copperline Racing|Ardent
20|Silas Wintergreen|Northgate Speed|Meridian
21|Odessa Fairlamb|Saltmarsh Brothers|Meridian
22|Griff Penhallow|Quarry Road Motorsports|Vantor
23|Zadie Munroe-Vale|Second Wind Racing|Meridian
24|Cassius Bellweather|Halcyon Works|Ardent
31|Perrin Dovecote|Dry Creek Racing|Ardent
33|Marlow Quist|Tin Roof Racing|Vantor
34|Etta Sorrelwood|Foxglove Motorsports|Vantor
38|Dmitri Calloway-Finch|Foxglove Motorsports|Vantor
41|Rowan Steeplegate|Bluestem Racing|Vantor
42|Lucinda Barrowby|Legacy Lane Racing|Meridian
43|Ephraim Tolland|Legacy Lane Racing|Meridian
44|Nia Castellorne|Backroad Engineering|Ardent
45|Jasper Holloway-Kite|Second Wind Racing|Meridian
47|Clementine Rusk|Pinegrove Autosport|Ardent
48|Abel Nightingale-Fox|Halcyon Works|Ardent
54|Thaddeus Wray|Northgate Speed|Meridian
66|Gus Moonaloo|Open Gate Racing|Vantor
71|Vesper Lindqvist-Hale|Redhawk & Lowe|Ardent
77|Corwin Ashgrove|Redhawk & Lowe|Ardent
99|Delphine Marchetti-Boone|Pinegrove Autosport|Meridian`;

/** The largest field the simulator can send out. */
export const MAX_CARS = 40;

/** The first `cars` of the invented field. */
export function createRoster(cars: number): RosterEntry[] {
  return FIELD.trim()
    .split('\n')
    .slice(0, cars)
    .map((line) => {
      const [car = '', driver = '', team = '', make = ''] = line.split('|');
      return { car, driver, team, make };
    });
}

/** `car 9`, `cars 9, 24 and 11`. @param cars Indices into the roster, one at least. */
export function nameCars(roster: readonly RosterEntry[], cars: readonly number[]): string {
  const numbers = cars.map((i) => roster[i]!.car);
  const last = numbers.pop();
  return numbers.length === 0 ? `car ${last}` : `cars ${numbers.join(', ')} and ${last}`;
}
