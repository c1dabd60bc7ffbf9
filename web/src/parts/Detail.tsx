// What was opened from a list: a head with the way back, and on a phone the road sign below it.

import type { ReactNode } from "react";
import { goUp, useRoute } from "../route";
import { useWords } from "../words";
import { Icon } from "./Icon";
import { FreezeOffer, RoadSign } from "./RoadSign";

type HeadProps = { title: string; children?: ReactNode; before?: ReactNode; actions?: ReactNode; road?: boolean };

export function DetailHead({ title, children, before, actions, road = true }: HeadProps) {
  const words = useWords();
  return (
    <>
      <header className="detail-head">
        <button type="button" className="button button-icon only-narrow" aria-label={words.back} onClick={goUp}>
          <Icon name="back" />
        </button>
        {before}
        <div className="detail-head-text">
          <h1 className="cut" dir="auto">
            {title}
          </h1>
          {children}
        </div>
        {actions}
      </header>
      {road && (
        <div className="detail-road">
          <RoadSign />
        </div>
      )}
    </>
  );
}

/** A page of settings or forms. `road` is false where the page itself shows it. */
export function Sheet({ title, road = true, children }: { title: string; road?: boolean; children: ReactNode }) {
  return (
    <>
      <DetailHead title={title} road={road} />
      <div className="detail-body">
        <div className="sheet">{children}</div>
      </div>
    </>
  );
}

/** A section's list, with the road sign under its name. */
export function ListHead({ title, children }: { title: string; children?: ReactNode }) {
  // There the switch stands beside it.
  const isInSettings = useRoute().at === "proxies";
  return (
    <header className="list-head">
      <div className="list-title">
        <h1>{title}</h1>
        {children}
      </div>
      <div>
        <RoadSign />
      </div>
      {!isInSettings && <FreezeOffer onlyIfOff />}
    </header>
  );
}
