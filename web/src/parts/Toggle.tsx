// A setting that is on or off, with what it means.

import { useId } from "react";

type ToggleProps = { label: string; why?: string; on: boolean; disabled?: boolean; onChange: (on: boolean) => void };

export function Toggle({ label, why, on, disabled = false, onChange }: ToggleProps) {
  const hint = useId();
  return (
    <label className="choice toggle">
      <span>
        {label}
        {why && (
          <span id={hint} className="small quiet toggle-why">
            {why}
          </span>
        )}
      </span>
      <input
        type="checkbox"
        role="switch"
        aria-label={label}
        aria-describedby={why ? hint : undefined}
        checked={on}
        aria-checked={on}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
      />
    </label>
  );
}
