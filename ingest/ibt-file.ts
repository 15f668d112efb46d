import { SourceError } from '../protocol/errors.ts';

/** One variable of an iRacing telemetry file. */
interface IbtVariable {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** Index into the types of the format: 0 char, 1 bool, 2 int32, 3 bit field, 4 float32, 5 float64. */
  readonly type: number;
  /** Where it begins in a row. */
  readonly offset: number;
  /** Values per row; all but the first are finer steps in time. */
  readonly count: number;
}

/** A parsed `.ibt` file. Nothing of the names of people in it is read. */
export interface IbtFile {
  readonly ticksPerSecond: number;
  /** When the recording began, Unix ms. */
  readonly startedAtMs: number;
  readonly rowCount: number;
  readonly variables: ReadonlyMap<string, IbtVariable>;
  readonly track: string | undefined;
  readonly trackLengthM: number | undefined;
  /** The first value of a variable in each row; `undefined` for a variable that the file does not have. */
  column(name: string): Float64Array | undefined;
}

const HEADER_BYTES = 144;
const VARIABLE_BYTES = 144;
const TYPE_BYTES = [1, 1, 4, 4, 4, 8] as const;
const MAX_VARIABLES = 4096;
const MAX_ROW_BYTES = 1 << 20;

/**
 * Reads the header and the variables of a `.ibt` file; rows are read when a column is asked for.
 *
 * A file that ends in the middle of a row, as after a crash, is read up to the last whole row.
 *
 * @param buffer The whole file; kept, and must not change.
 * @param name For messages.
 * @throws {SourceError} `bad_recording`: what is wrong with the file.
 */
export function parseIbt(buffer: Buffer, name: string): IbtFile {
  const fail = (what: string): never => {
    throw new SourceError('bad_recording', `${name} is no iRacing recording that can be read: ${what}.`);
  };
  if (buffer.length < HEADER_BYTES) fail(`${buffer.length} bytes are less than its header of ${HEADER_BYTES}`);
  const word = (index: number) => buffer.readInt32LE(4 * index);
  const [version, , ticksPerSecond, , infoBytes, infoAt, variableCount, variablesAt, , rowBytes] = Array.from(
    { length: 10 },
    (_, i) => word(i),
  ) as [number, number, number, number, number, number, number, number, number, number];
  const rowsAt = word(13);
  if (version !== 1 && version !== 2) fail(`its version is ${version}, not 1 or 2`);
  if (ticksPerSecond < 1 || ticksPerSecond > 1000) fail(`${ticksPerSecond} rows per second are not between 1 and 1000`);
  if (variableCount < 1 || variableCount > MAX_VARIABLES)
    fail(`it has ${variableCount} variables, not 1 to ${MAX_VARIABLES}`);
  if (rowBytes < 1 || rowBytes > MAX_ROW_BYTES) fail(`a row has ${rowBytes} bytes, not 1 to ${MAX_ROW_BYTES}`);
  const isInside = (at: number, length: number) => at >= HEADER_BYTES && length >= 0 && at + length <= buffer.length;
  if (!isInside(variablesAt, variableCount * VARIABLE_BYTES)) fail('its list of variables is outside the file');
  if (!isInside(infoAt, infoBytes)) fail('its session information is outside the file');
  if (!isInside(rowsAt, rowBytes)) fail('it has no rows');
  const variables = new Map<string, IbtVariable>();
  for (let i = 0; i < variableCount; i++) {
    const variable = readVariable(buffer, variablesAt + i * VARIABLE_BYTES);
    const size = (TYPE_BYTES[variable.type] ?? 0) * variable.count;
    if (size <= 0 || variable.offset < 0 || variable.offset + size > rowBytes) {
      fail(`variable ${JSON.stringify(variable.name)} does not fit into a row of ${rowBytes} bytes`);
    }
    variables.set(variable.name, variable);
  }
  const info = buffer.toString('latin1', infoAt, infoAt + infoBytes);
  const lengthKm = Number(/^\s*TrackLength: ([\d.]+) km/m.exec(info)?.[1]);
  const rowCount = Math.floor((buffer.length - rowsAt) / rowBytes);
  return {
    ticksPerSecond,
    startedAtMs: Number(buffer.readBigInt64LE(112)) * 1000,
    rowCount,
    variables,
    track: /^\s*TrackDisplayName: *(\S[^\r\n]{0,80})/m.exec(info)?.[1]?.trim(),
    trackLengthM: lengthKm > 0 && lengthKm < 100 ? Math.round(lengthKm * 1e4) / 10 : undefined,
    column(of) {
      const variable = variables.get(of);
      return variable && readColumn(buffer, rowsAt + variable.offset, rowBytes, rowCount, variable.type);
    },
  };
}

function readVariable(buffer: Buffer, at: number): IbtVariable {
  const text = (from: number, length: number) =>
    buffer.toString('latin1', at + from, at + from + length).replace(/\0.*$/s, '');
  return {
    type: buffer.readInt32LE(at),
    offset: buffer.readInt32LE(at + 4),
    count: buffer.readInt32LE(at + 8),
    name: text(16, 32),
    description: text(48, 64),
    unit: text(112, 32),
  };
}

function readColumn(buffer: Buffer, start: number, step: number, rowCount: number, type: number): Float64Array {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const readers: ((at: number) => number)[] = [
    (at) => view.getUint8(at),
    (at) => Number(view.getUint8(at) !== 0),
    (at) => view.getInt32(at, true),
    (at) => view.getUint32(at, true),
    (at) => view.getFloat32(at, true),
    (at) => view.getFloat64(at, true),
  ];
  const read = readers[type]!;
  return Float64Array.from({ length: rowCount }, (_, row) => read(start + row * step));
}
