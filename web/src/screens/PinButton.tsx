// Holds a tile in the large place.

import { Icon } from "../parts/Icon";
import { useWords } from "../words";

type PinButtonProps = { name: string; pinned: boolean; onPin: () => void };

export function PinButton({ name, pinned, onPin }: PinButtonProps) {
  const words = useWords();
  return (
    <button
      type="button"
      className="button button-icon tile-pin"
      aria-pressed={pinned}
      aria-label={words.pin(name)}
      title={pinned ? words.unpin(name) : words.pin(name)}
      onClick={onPin}
    >
      <Icon name="pin" />
    </button>
  );
}
