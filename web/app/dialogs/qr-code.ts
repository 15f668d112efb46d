import qrcode from 'qrcode-generator';

const SVG = 'http://www.w3.org/2000/svg';
/** Modules of light around the code, which scanners need to find it. */
const QUIET = 4;

/** A QR code as a picture of one path. @param label What it is of, for people who do not see it. */
export function drawQrCode(text: string, label: string): SVGSVGElement {
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const modules = code.getModuleCount();
  let path = '';
  for (let row = 0; row < modules; row++) {
    for (let column = 0; column < modules; column++) {
      if (code.isDark(row, column)) path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
    }
  }
  const size = modules + 2 * QUIET;
  const picture = makeSvg('svg', { viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': label, class: 'qr' });
  // Dark on light in every color scheme: not all scanners read it the other way round.
  picture.append(makeSvg('rect', { width: `${size}`, height: `${size}`, fill: '#ffffff' }));
  picture.append(makeSvg('path', { d: path, fill: '#000000', 'shape-rendering': 'crispEdges' }));
  return picture;
}

function makeSvg<Tag extends keyof SVGElementTagNameMap>(tag: Tag, attributes: Readonly<Record<string, string>>) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
