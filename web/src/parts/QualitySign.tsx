// How well the call goes for somebody, with the reason in words.

import type { Grade, Quality } from "../media/quality";
import { useWords } from "../words";
import { explainQuality, gradeName } from "../words/trouble";
import { Icon, type IconName } from "./Icon";

const SIGNS: Record<Grade, IconName> = { good: "signal", fair: "signalFair", poor: "signalPoor" };

export function QualitySign({ quality, name }: { quality: Quality; name: string | null }) {
  const words = useWords();
  const text = [gradeName(quality.grade, words), explainQuality(quality, name, words)].filter(Boolean).join(". ");
  return (
    <span className="quality" data-grade={quality.grade} title={text}>
      <Icon name={SIGNS[quality.grade]} />
      <span className="hidden">, {text}</span>
    </span>
  );
}
