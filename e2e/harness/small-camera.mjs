// Many people on few cores: a camera and a microphone that cost nearly nothing, and pages that want every picture although the computer
// does not keep up. Everything behind them is as always.

/** Runs in a page before the page's own scripts, alone. */
export function everyPicture() {
  // An empty page has no storage.
  if (location.protocol === 'http:') localStorage.setItem('umweg.calls', JSON.stringify({ spare: false }));
}

/** Runs in a page before the page's own scripts, alone: it can use nothing from outside. A picture of changing colour, and a tone. */
export function smallCamera({ width = 320, height = 180, perSecond = 5, details = 0 } = {}) {
  const picture = () => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const draw = canvas.getContext('2d');
    let hue = Math.random() * 360;
    setInterval(() => {
      hue += 7;
      draw.fillStyle = `hsl(${hue} 60% 50%)`;
      draw.fillRect(0, 0, width, height);
      for (let detail = 0; detail < details; detail += 1) {
        draw.fillStyle = `hsl(${hue + detail * 40} 80% 60%)`;
        draw.fillRect((Math.sin(hue / 50 + detail) * 0.5 + 0.5) * width, (detail / details) * height, width / 10, height / 12);
      }
    }, 1_000 / perSecond);
    return canvas.captureStream(perSecond).getVideoTracks();
  };
  const tone = () => {
    const context = new AudioContext();
    const out = context.createMediaStreamDestination();
    const oscillator = new OscillatorNode(context, { frequency: 220 + Math.random() * 440 });
    oscillator.connect(new GainNode(context, { gain: 0.2 })).connect(out);
    oscillator.start();
    return out.stream.getAudioTracks();
  };
  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => new MediaStream([...(audio ? tone() : []), ...(video ? picture() : [])]);
}
