import { expect } from 'vitest';
import { ProtocolError } from '../errors.ts';

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
export const fromBits = (bits: string): Uint8Array => {
  const digits = bits.replaceAll(' ', '');
  const bytes = digits.padEnd(Math.ceil(digits.length / 8) * 8, '0').match(/.{8}/g) ?? [];
  return Uint8Array.from(bytes, (byte) => Number.parseInt(byte, 2));
};
export const toBits = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(2).padStart(8, '0')).join(' ');

/** The result, or the code of the ProtocolError; anything else that is thrown fails the test. */
export function attempt<T>(act: () => T): { result: T } | { code: string } {
  try {
    return { result: act() };
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return { code: (error as ProtocolError).code };
  }
}

export const codeOf = (act: () => unknown): string | undefined => {
  const outcome = attempt(act);
  return 'code' in outcome ? outcome.code : undefined;
};
