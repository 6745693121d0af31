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
