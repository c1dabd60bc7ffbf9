// A place where nothing is yet, with what one can do about it.

import type { ReactNode } from "react";
import { Icon, type IconName } from "./Icon";

export function Empty({
  icon,
  title,
  why,
  children,
}: {
  icon: IconName;
  title: string;
  why?: string;
  children?: ReactNode;
}) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {why && <p>{why}</p>}
      {children && <div className="row-of-buttons">{children}</div>}
    </div>
  );
}
