// How many columns a call's tiles stand in: own numbers for a wide and for a tall window.

export type Shape = "wide" | "tall";

type Step = { people: number; wide: number; tall: number };

/** The first row that has room for that many people. */
const STEPS: Step[] = [
  { people: 1, wide: 1, tall: 1 },
  { people: 2, wide: 2, tall: 1 },
  { people: 4, wide: 2, tall: 2 },
  { people: 6, wide: 3, tall: 2 },
  { people: 9, wide: 3, tall: 3 },
  { people: 12, wide: 4, tall: 3 },
  { people: 20, wide: 5, tall: 4 },
  { people: 32, wide: 8, tall: 4 },
];

export type Grid = { columns: number; rows: number };

export function gridOf(people: number, shape: Shape): Grid {
  const step = STEPS.find((each) => people <= each.people) ?? STEPS.at(-1);
  const columns = step?.[shape] ?? 1;
  return { columns, rows: Math.max(1, Math.ceil(people / columns)) };
}

const HEIGHTS = [180, 360, 720] as const;

/** The height of picture that a tile has a use for, in the steps that senders make. */
export function pictureHeight(stageHeight: number, rows: number, pixelRatio: number): number {
  const wanted = (stageHeight / rows) * pixelRatio;
  return HEIGHTS.find((height) => height >= wanted) ?? HEIGHTS[2];
}
