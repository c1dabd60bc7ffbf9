// A link for passing on: as a QR code, as text, by the clipboard.

import { useEffect, useMemo, useState } from "react";
import { useWords } from "../words";
import { Icon } from "./Icon";
import { modulesOf } from "./qr";

export function LinkCard({ link, what }: { link: string; what: string }) {
  return (
    <div className="qr">
      <QrCode text={link} label={what} />
      <code className="link-text cut" dir="ltr">
        {link}
      </code>
      <CopyButton text={link} />
    </div>
  );
}

function QrCode({ text, label }: { text: string; label: string }) {
  const words = useWords();
  const { size, path } = useMemo(() => draw(text), [text]);
  return (
    <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label={words.qrCode(label)} shapeRendering="crispEdges">
      <path d={path} />
    </svg>
  );
}

function draw(text: string): { size: number; path: string } {
  const modules = modulesOf(text);
  const squares = modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")));
  return { size: modules.length, path: squares.join("") };
}

const COPIED_SHOWN_MS = 2_500;

export function CopyButton({ text }: { text: string }) {
  const words = useWords();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => navigator.clipboard.writeText(text).then(() => setCopied(true));
  return (
    <button type="button" className="button" onClick={copy}>
      <Icon name={copied ? "check" : "copy"} />
      <span aria-live="polite">{copied ? words.copied : words.copy}</span>
    </button>
  );
}
