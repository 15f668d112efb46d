import { TelemetryError } from '../protocol/errors.ts';

/** An archive file is damaged, cut, of another version, or does not hold what is asked of it. */
export class ArchiveError extends TelemetryError {}
