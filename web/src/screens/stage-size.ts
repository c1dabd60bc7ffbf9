// The size of the place where the tiles stand.

import { type RefObject, useEffect, useRef, useState } from "react";

export type Size = { width: number; height: number };

export function useStage(): [RefObject<HTMLElement | null>, Size] {
  const stage = useRef<HTMLElement>(null);
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const element = stage.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [stage, size];
}
