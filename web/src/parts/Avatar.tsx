// A person or a group by the first letters of the name, in a colour that stays with the id.

type Size = "small" | "normal" | "large";

export function Avatar({
  id,
  name,
  group = false,
  size = "normal",
}: {
  id: string;
  name: string;
  group?: boolean;
  size?: Size;
}) {
  const classes = ["avatar", group && "avatar-group", size !== "normal" && `avatar-${size}`].filter(Boolean).join(" ");
  return (
    <span className={classes} style={{ "--hue": hueOf(id) } as React.CSSProperties} aria-hidden="true">
      {initials(name)}
    </span>
  );
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  const letters = picked.map((word) => firstLetter(word ?? ""));
  // Two joined Persian letters would read as a word: a zero-width non-joiner keeps them apart.
  return letters.join("\u200c").toLocaleUpperCase();
}

function firstLetter(word: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(word);
  return first?.segment ?? "";
}

export function hueOf(id: string): number {
  let hash = 7;
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return hash / 10;
}
