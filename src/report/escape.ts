const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const CHARACTERS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ ...ENTITIES, "'": "&apos;" }).map(([character, entity]) => [entity, character]),
);

/** Text as it may stand in XML and HTML, between tags and in quoted attributes. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** The text that stands for a piece of XML without tags. */
export function unescapeXml(xml: string): string {
  return xml.replaceAll(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|\w+);/gi, (entity, hex?: string, decimal?: string) => {
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return CHARACTERS[entity] ?? (code <= 0x10ffff ? String.fromCodePoint(code) : entity);
  });
}

/** Characters that XML has no place for, that break lines or turn the direction of reading. */
const UNSEEN = /[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069\ufffe\uffff]+/gu;

/** Names of bounded length that differ, so that an axis may have them as its places. */
export function distinctTexts(texts: readonly string[], most: number): string[] {
  const taken = new Set<string>();
  return texts.map((text, i) => {
    const short = shortText(text, most);
    const name = taken.has(short) ? `${shortText(text, most - 6)} (${i})` : short;
    taken.add(name);
    return name;
  });
}

/** A name from a file as one line of bounded length. */
export function shortText(text: string, most = 60): string {
  const line = text.replaceAll(UNSEEN, " ");
  return line.length > most ? `${line.slice(0, most - 1)}\u2026` : line;
}
