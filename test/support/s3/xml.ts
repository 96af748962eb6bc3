/**
 * The little XML that S3 speaks: documents we print ourselves, and flat request documents without attributes,
 * comments or CDATA, as every SDK sends them.
 */

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** Escapes text. Carriage returns too, which a parser would otherwise turn into line feeds. */
export function escapeXml(text: string): string {
  return text.replace(/[<>&"'\r]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function unescapeXml(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]+)|#([0-9]+)|([a-z]+));/gi,
    (whole, hex?: string, decimal?: string, name = '') => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      return NAMED[name] ?? whole
    },
  )
}

/** One element with text in it. */
export function element(name: string, text: string | number | boolean): string {
  return `<${name}>${escapeXml(String(text))}</${name}>`
}

/** A whole response document in the S3 namespace; `content` is XML already. */
export function xmlDocument(root: string, content: string): string {
  const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${namespace}">${content}</${root}>`
}

/** The raw content of every element of that name. */
export function contentsOf(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`, 'g')
  return Array.from(xml.matchAll(pattern), (match) => match[1] ?? '')
}

/** The text of the first element of that name. */
export function textOf(xml: string, name: string): string | undefined {
  const [first] = contentsOf(xml, name)
  return first === undefined ? undefined : unescapeXml(first)
}
