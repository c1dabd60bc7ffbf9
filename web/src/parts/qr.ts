// QR codes: drawn, and read from pictures and from a camera. The reader is loaded by whoever scans.

import { encodeQR } from "qr";
import type { LinkKind } from "../contract";

/** Which squares are dark, row by row, with a border around them. */
export function modulesOf(text: string): boolean[][] {
  return encodeQR(text, "raw", { ecc: "low", border: 1 });
}

/** A picture from a file is looked at no larger than this; codes fill more of a picture than that needs. */
const SIDE_MAX = 2_000;
const PICTURE_TIME_MAX_MS = 1_500;

type Pixels = { width: number; height: number; data: Uint8ClampedArray };

/** What the first code in it says; null: there is none. */
export async function readPixels(pixels: Pixels): Promise<string | null> {
  const { decodeQR } = await import("qr/decode.js");
  try {
    return decodeQR(pixels, { effort: Number.POSITIVE_INFINITY, timeLimit: PICTURE_TIME_MAX_MS });
  } catch {
    return null;
  }
}

/** Also null for a file that is no picture. */
export async function readFile(file: Blob): Promise<string | null> {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return null;
  const scale = Math.min(1, SIDE_MAX / Math.max(picture.width, picture.height));
  const [width, height] = [Math.ceil(picture.width * scale), Math.ceil(picture.height * scale)];
  const paint = new OffscreenCanvas(width, height).getContext("2d");
  // On white: a code without a ground of its own is drawn for one.
  if (paint) paint.fillStyle = "#ffffff";
  paint?.fillRect(0, 0, width, height);
  paint?.drawImage(picture, 0, 0, width, height);
  picture.close();
  return paint && readPixels(paint.getImageData(0, 0, width, height));
}

/** Says what each code says that the camera sees, until the returned function is called; that does not stop the camera. */
export async function readCamera(video: HTMLVideoElement, onText: (text: string) => void): Promise<() => void> {
  const { QRCamera, QRCanvas, frameLoop } = await import("qr/dom.js");
  const [camera, canvas] = [new QRCamera(video), new QRCanvas({}, { cropToSquare: false })];
  const stop = frameLoop(async () => {
    // A frame that cannot be read is followed by another one.
    const read = await camera.readFrame(canvas, true).catch(() => undefined);
    if (typeof read === "string") onText(read);
  }, video);
  return () => {
    stop();
    canvas.clear();
  };
}

const LINK = /^umweg:\/\/(service|proxy|contact)\//;

/** For what a link is, if it is one of ours. Whether it is whole the app will say. */
export function kindOf(text: string): LinkKind | null {
  return (LINK.exec(text.trim())?.[1] ?? null) as LinkKind | null;
}
