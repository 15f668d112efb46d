import { MISSING, sayCar, sayLapTime } from '../words.ts';

/** A lap as it is named. */
export interface NamedLap {
  readonly car: string;
  /** As the car counts them; `undefined` where it does not. */
  readonly number: number | undefined;
  readonly timeS: number;
  readonly isPit: boolean;
}

/** Where a lap has no number. */
const UNNUMBERED = 'a lap';

/** `lap 31`. */
export const sayLap = ({ number }: NamedLap): string => (number === undefined ? UNNUMBERED : `lap ${number}`);

/** A lap to choose: `Lap 31 · 46.312`, `Lap 32 · 1:10.004 · pit`. */
export const sayChoice = (lap: NamedLap): string =>
  [sayLap(lap).replace(/^a? ?l/, 'L'), sayLapTime(lap.timeS), ...(lap.isPit ? ['pit'] : [])].join(' · ');

const owned = (lap: NamedLap): string => `${sayCar(lap.car)}’s ${sayLap(lap).replace(/^a /, '')}`;

/** Which lap was faster and by how much, in a sentence. */
export function sayFaster(a: NamedLap, b: NamedLap): string {
  const [timeA, timeB] = [a, b].map(({ timeS }) => Math.round(timeS * 1000));
  if (timeA === timeB) return `${owned(a)} and ${owned(b)} took the same time, ${sayLapTime(a.timeS)}.`;
  const [fast, slow] = timeA! < timeB! ? [a, b] : [b, a];
  const gapS = Math.abs(timeA! - timeB!) / 1000;
  return `${owned(fast)} (${sayLapTime(fast.timeS)}) is ${gapS.toFixed(3)} s faster than ${owned(slow)}.`;
}

/** Time since the line: `0.000` on it. */
export const sayTime = (seconds: number | null): string =>
  seconds !== null && seconds < 0.0005 ? '0.000' : sayLapTime(seconds);

/** Seconds with a sign: `+0.184`, `−1.200`, `0.000`. */
export function sayGained(seconds: number | null): string {
  if (seconds === null) return MISSING;
  const text = Math.abs(seconds).toFixed(3);
  if (Number(text) === 0) return text;
  return `${seconds < 0 ? '−' : '+'}${text}`;
}

/** `42.5 %` of the lap. @param share 0 to 1. */
export const sayShare = (share: number): string => `${(share * 100).toFixed(1)} %`;
