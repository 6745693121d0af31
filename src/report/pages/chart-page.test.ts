import { describe, expect, it } from "vitest";
import { page } from "../index.js";

const HOSTILE = `<script>alert("x")</script> & 'y'`;
const ESCAPED = "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;";

describe("page", () => {
  it("escapes every text, wherever it stands", () => {
    const html = page({
      title: HOSTILE,
      summary: [{ label: HOSTILE, value: HOSTILE }],
      svg: `<svg xmlns="http://www.w3.org/2000/svg">${HOSTILE}</svg>`,
      table: { head: [HOSTILE, HOSTILE], rows: [[HOSTILE, HOSTILE]] },
      notes: [HOSTILE],
    });
    expect(html.split(ESCAPED)).toHaveLength(1 + 9);
    expect(html).not.toContain("<script");
  });

  it("needs nothing else: no script, no link, the chart within", () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
    const html = page({ title: "t", summary: [], svg, table: { head: ["a"], rows: [["1"]] }, notes: [] });
    expect(html).not.toMatch(/<script|<link|https?:|@import|url\(/);
    const [, encoded] = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html)!;
    expect(Buffer.from(encoded!, "base64").toString()).toBe(svg);
    expect(html).toContain("prefers-color-scheme: dark");
  });

  it("marks up its parts for assistive technology", () => {
    const html = page({
      title: "Sweep",
      summary: [{ label: "gain", value: "+1.2 points" }],
      svg: "<svg/>",
      table: { head: ["resolution", "top-1"], rows: [["224", "77.1%"]] },
      notes: ["seed 0"],
    });
    expect(html).toContain('<html lang="en">');
    expect(html).toContain("<dt>gain</dt><dd>+1.2 points</dd>");
    expect(html).toContain('<th scope="col">top-1</th>');
    expect(html).toContain('<tr><th scope="row">224</th><td>77.1%</td></tr>');
    expect(html).toMatch(/<img [^>]*alt="[^"]+"/);
    expect(html).toContain("<li>seed 0</li>");
  });
});
