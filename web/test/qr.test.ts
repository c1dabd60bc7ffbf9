// A drawn code is read back by the reader that scans, also from a picture that is larger, turned or spoiled.

import { describe, expect, it } from "vitest";
import { kindOf, modulesOf, readPixels } from "../src/parts/qr";

const LINK = `umweg://proxy/${"CgtwLmV4YW1wbGUQuwMaIA".repeat(6)}`;

type Drawn = { scale?: number; turned?: boolean; dirt?: number };

function draw(text: string, { scale = 4, turned = false, dirt = 0 }: Drawn = {}) {
  const modules = modulesOf(text);
  const side = modules.length * scale;
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y += 1)
    for (let x = 0; x < side; x += 1) {
      const [row, column] = turned ? [x, side - 1 - y] : [y, x];
      const dark = modules[Math.floor(row / scale)]?.[Math.floor(column / scale)];
      const clean = dark ? 20 : 235;
      const shade = dirt > 0 && (x * 7 + y * 13) % dirt === 0 ? 255 - clean : clean;
      data.fill(shade, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  return { width: side, height: side, data };
}

describe("a drawn code", () => {
  it.each<Drawn>([{}, { scale: 3 }, { scale: 9 }, { turned: true }, { dirt: 97 }])("is read: %o", async (drawn) => {
    expect(await readPixels(draw(LINK, drawn))).toBe(LINK);
  });

  it("has a border, without which cameras do not find it", () => {
    const modules = modulesOf(LINK);
    const edge = [modules[0], modules.at(-1), modules.map((row) => row[0]), modules.map((row) => row.at(-1))].flat();
    expect(edge.some(Boolean)).toBe(false);
  });
});

it("a picture without a code holds none", async () => {
  const data = new Uint8ClampedArray(64 * 64 * 4).map((_, at) => (at * 31) % 256);
  expect(await readPixels({ width: 64, height: 64, data })).toBeNull();
});

it("tells what a link is for", () => {
  expect(kindOf(" umweg://contact/abc ")).toBe("contact");
  expect([kindOf("https://umweg.example/proxy/abc"), kindOf("umweg://nothing/abc"), kindOf("")]).toEqual([
    null,
    null,
    null,
  ]);
});
