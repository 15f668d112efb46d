/** Form of what is sealed. Another form gets another number, and is not read as this one. */
const FORM = '1';
const SEALED = /^(\d+) ([0-9a-f]{8}) /;

/** A text with a mark by which it can be seen later whether it is still the same. No protection against malice. */
export const sealText = (text: string): string => `${FORM} ${checksum(text)} ${text}`;

/** The text that was sealed; `undefined` when it was cut or altered, or is of another form. */
export function openSealed(sealed: string): string | undefined {
  const [head, form, sum] = SEALED.exec(sealed) ?? [];
  if (head === undefined || form !== FORM) return undefined;
  const text = sealed.slice(head.length);
  return checksum(text) === sum ? text : undefined;
}

/** FNV-1a over the code units of a text: a single other character always gives another sum. */
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, '0');
}
