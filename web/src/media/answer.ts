// What the browser sends, and how: it takes that from the answer, which says what the other end wishes to receive.

import type { PictureCodec } from "./choices";

/** Sound with the frames before once more, where both ends know how: what stands first in a section is what is sent. */
export function withRedundancy(sdp: string): string {
  return withFirst(sdp, /^a=rtpmap:(\d+) red\/48000/im);
}

/** Pictures in this codec, where both ends know it. */
export function withCodecFirst(sdp: string, codec: PictureCodec): string {
  return withFirst(sdp, new RegExp(`^a=rtpmap:(\\d+) ${codec}/90000`, "im"));
}

/** In every section that has it. */
function withFirst(sdp: string, payloadType: RegExp): string {
  const type = payloadType.exec(sdp)?.[1];
  if (type === undefined) return sdp;
  return sdp.replace(/^(m=\w+ \d+ \S+) (.*)$/gim, (line, head: string, types: string) => {
    const others = types.split(" ").filter((each) => each !== type);
    return others.length === types.split(" ").length ? line : [head, type, ...others].join(" ");
  });
}

// Sound at a constant rate. With a changing rate the sizes of sealed packets tell who speaks, and even something of what is said.

/** The answer says what the other end wishes to receive, and a browser's encoder follows: one size for every frame, none left out. */
export function withConstantRate(sdp: string): string {
  const type = /^a=rtpmap:(\d+) opus\/48000/im.exec(sdp)?.[1];
  if (type === undefined) return sdp;
  const settings = new RegExp(`^a=fmtp:${type} (.*)$`, "im");
  const quiet = (known: string) => {
    const others = known
      .split(";")
      .map((each) => each.trim())
      .filter((each) => each !== "" && !/^(cbr|usedtx)=/i.test(each));
    return [...others, "cbr=1", "usedtx=0"].join(";");
  };
  if (settings.test(sdp))
    return sdp.replace(new RegExp(settings, "gim"), (_, known: string) => `a=fmtp:${type} ${quiet(known)}`);
  return sdp.replace(new RegExp(`^(a=rtpmap:${type} .*)$`, "gim"), `$1\r\na=fmtp:${type} ${quiet("")}`);
}
