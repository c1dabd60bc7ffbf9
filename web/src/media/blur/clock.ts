// Says at equal distances of time that it is time, also while the page is hidden: the page's own clocks are slowed down then.

self.onmessage = ({ data: everyMs }: MessageEvent<number>) => {
  setInterval(() => postMessage(null), everyMs);
};
