// Takes a link from a QR code: by the camera, which is stopped when the dialog is closed, or from a picture in a file.

import { type ChangeEvent, useCallback, useEffect, useRef, useState } from "react";
import { flushSync } from "react-dom";
import type { LinkKind } from "../contract";
import { choices } from "../media/choices";
import { acquireOne, type DeviceTrouble } from "../media/devices";
import { Picture } from "../screens/Picture";
import { useWords, type Words } from "../words";
import { explainLink } from "../words/trouble";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { kindOf, readCamera, readFile } from "./qr";

type ScanProps = { wanted: LinkKind; onLink: (link: string) => void };

export function ScanButton({ wanted, onLink }: ScanProps) {
  const words = useWords();
  const [open, setOpen] = useState(false);
  const done = (link: string) => {
    // A closing dialog gives the focus back; only after that it can go where the link leads it.
    flushSync(() => setOpen(false));
    onLink(link);
  };
  return (
    <>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        <Icon name="scan" />
        {words.scan}
      </button>
      {open && <Scan wanted={wanted} onLink={done} onClose={() => setOpen(false)} />}
    </>
  );
}

function Scan({ wanted, onLink, onClose }: ScanProps & { onClose: () => void }) {
  const words = useWords();
  const [seen, setSeen] = useState<string | null>(null);
  const take = useCallback(
    (text: string) => (kindOf(text) === wanted ? onLink(text.trim()) : setSeen(explainOther(text, wanted, words))),
    [wanted, onLink, words],
  );
  const { stream, trouble } = useScanningCamera(take);
  const chooseFile = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    if (!file) return;
    event.target.value = "";
    const text = await readFile(file);
    if (text === null) setSeen(words.scanNothing);
    else take(text);
  };
  const file = useRef<HTMLInputElement>(null);
  return (
    <Dialog title={words.scan} onClose={onClose}>
      {stream && (
        <div className="scan-picture">
          <Picture stream={stream} whole label={words.scanPicture} />
        </div>
      )}
      <p className={seen || trouble ? "warning" : "quiet"} role="status">
        {seen ?? (trouble ? explainCamera(trouble, words) : words.scanWhy)}
      </p>
      <input ref={file} type="file" accept="image/*" hidden aria-label={words.scanFile} onChange={chooseFile} />
      <button type="button" className="button" onClick={() => file.current?.click()}>
        <Icon name="picture" />
        {words.scanFile}
      </button>
    </Dialog>
  );
}

type Camera = { stream: MediaStream | null; trouble: DeviceTrouble | null };

/** The camera, as long as this is on the screen, and somebody who reads what it sees. */
function useScanningCamera(onText: (text: string) => void): Camera {
  const [camera, setCamera] = useState<Camera>({ stream: null, trouble: null });
  const listener = useRef(onText);
  useEffect(() => {
    listener.current = onText;
  }, [onText]);
  useEffect(() => {
    const ended = new AbortController();
    void watch(ended.signal, setCamera, (text) => listener.current(text));
    return () => ended.abort();
  }, []);
  return camera;
}

async function watch(ended: AbortSignal, onCamera: (camera: Camera) => void, onText: (text: string) => void) {
  const wish = { camera: choices().camera, outward: true };
  const { mediaDevices } = navigator;
  const { track, trouble = null } = mediaDevices
    ? await acquireOne(mediaDevices, "camera", wish)
    : { track: null, trouble: "missing" as const };
  if (ended.aborted) return track?.stop();
  if (!track) return onCamera({ stream: null, trouble });
  const stop = () => track.stop();
  ended.addEventListener("abort", stop);
  const stream = new MediaStream([track]);
  // The app may take the camera away, or a hand may pull it out.
  track.onended = () => onCamera({ stream: null, trouble: "missing" });
  onCamera({ stream, trouble: null });
  const eye = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
  await eye.play().catch(() => undefined);
  const stopReading = await readCamera(eye, (text) => ended.aborted || onText(text));
  if (ended.aborted) stopReading();
  else ended.addEventListener("abort", stopReading);
}

function explainOther(text: string, wanted: LinkKind, words: Words): string {
  const got = kindOf(text);
  return got === null ? words.scanNotOurs : explainLink({ kind: "otherKind", got, wanted }, words);
}

function explainCamera(trouble: DeviceTrouble, words: Words): string {
  return { denied: words.scanDenied, missing: words.scanMissing, busy: words.scanBusy }[trouble];
}
