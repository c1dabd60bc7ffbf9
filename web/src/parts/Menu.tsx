// A button with a short list of things to do. It closes with Escape, a press elsewhere, and when something was chosen.

import { useEffect, useRef, useState } from "react";
import { moveAlongRows } from "./arrow-keys";
import { Icon, type IconName, isIcon } from "./Icon";

export type MenuItem = {
  /** A sign of the pages, or an emoji. */
  icon: IconName | (string & {});
  label: string;
  pressed?: boolean;
  onChoose: () => void;
};

/** `inRow`: signs side by side, without words. */
type MenuProps = { label: string; icon: IconName; items: MenuItem[]; inRow?: boolean };

export function Menu({ label, icon, items, inRow = false }: MenuProps) {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!open) return;
    menu.current?.querySelector<HTMLElement>("[data-row]")?.focus();
    const close = (event: PointerEvent) => {
      if (!menu.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", close);
    return () => document.removeEventListener("pointerdown", close);
  }, [open]);
  const closeByKey = (event: React.KeyboardEvent) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    setOpen(false);
    button.current?.focus();
  };
  const choose = (item: MenuItem) => {
    setOpen(false);
    button.current?.focus();
    item.onChoose();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape anywhere in it closes it
    <div className="menu" ref={menu} onKeyDown={closeByKey}>
      <button
        ref={button}
        type="button"
        className="button call-switch"
        aria-label={label}
        aria-expanded={open}
        title={label}
        onClick={() => setOpen(!open)}
      >
        <Icon name={icon} />
      </button>
      {open && (
        <ul className={inRow ? "menu-list is-row" : "menu-list"} aria-label={label} onKeyDown={moveAlongRows}>
          {items.map((item) => (
            <li key={item.label}>
              <button
                type="button"
                className="menu-item"
                data-row
                aria-pressed={item.pressed}
                aria-label={item.label}
                onClick={() => choose(item)}
              >
                {isIcon(item.icon) ? <Icon name={item.icon} /> : item.icon}
                {!inRow && item.label}
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
