import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArchiveReader } from '../../../archive/archive-reader.ts';
import { openFile } from '../../../archive/byte-source.ts';
import { type PlayedTick, playTicks } from '../../../archive/played-ticks.ts';
import { verifyArchive } from '../../../archive/report.ts';
import { dequantise } from '../../../protocol/quantise.ts';
import { parseFlags } from '../../flags.ts';
import { makeArchive, usage } from '../make.ts';

/** A folder for archives that tests make. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipstream-make-'));

  path = (name: string): string => join(this.folder, name);

  /** `slipstream archive make <name> …` in this process. */
  async make(name: string, ...args: string[]) {
    const { values, operands } = parseFlags(usage, [this.path(name), ...args], {});
    const [path, ...paths] = operands;
    return makeArchive(path!, paths, values, () => {}, new AbortController().signal);
  }

  /** Makes an archive; gives what was said of it, what a check of all of it finds, every tick, and other messages. */
  async makeAndRead(name: string, ...args: string[]) {
    const made = await this.make(name, ...args);
    const file = await openFile(this.path(name));
    try {
      const reader = await ArchiveReader.open(file);
      const report = await verifyArchive(reader, () => {});
      const { epoch, catalogueTag } = reader.blocks[0]!;
      const catalogue = await reader.catalogue(catalogueTag);
      const ticks: PlayedTick[] = [];
      for await (const tick of playTicks(reader, { epoch: epoch!, from: 0, to: made.ticks - 1 })) ticks.push(tick);
      const blocks = await Promise.all(reader.blocks.map((block) => reader.block(block)));
      const logs = blocks.flatMap(({ messages }) => messages.filter(({ kind }) => kind.startsWith('log.')));
      /** Values of a channel of a car, tick by tick. */
      const values = (car: string, key: string) => {
        const index = catalogue.indexOf(key)!;
        return ticks.map(({ field }) => {
          const state = field.states[field.cars.indexOf(car)];
          return state ? dequantise(catalogue.channels[index]!, state[index]!) : null;
        });
      };
      return { made, report, ticks, values, logs, document: ticks.at(-1)!.document };
    } finally {
      await file.close();
    }
  }

  /** Names in the folder that begin so. */
  left = (prefix: string): string[] => readdirSync(this.folder).filter((name) => name.startsWith(prefix));

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
