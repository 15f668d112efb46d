/** A new life of a stream: 64 random bits as 16 hex digits. */
export const randomEpoch = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
