// The poster as it is now, beside its start and the difference of the two, with D's verdict; drawn by the networks.
//
//     const draw = stage({ networks: [generator, discriminator], size, by, ask, drawn });
//     draw();                         after every change; while one picture is computed, only the newest one waits
//
// by(id) finds the elements: canvases poster, start and difference, texts, and what verdict.js needs. ask() returns
// what is to be drawn: { start: its name, before: () => its feeds, feeds, fetches }. drawn(outputs) is told what came beside
// the picture. There may be no discriminator.

import { newestOnly } from './networks.js';
import { drawDifference, drawPicture } from './pictures.js';
import { signed, verdictIn } from './verdict.js';

export function stage({ networks: [generator, discriminator], size, by, ask, drawn = () => {} }) {
  const showVerdict = verdictIn(by);
  let start = { name: undefined }, latest;

  const logitOf = async (picture) => {
    if (!discriminator) return undefined;
    const { logit } = await discriminator.run({ picture: { data: picture, dims: [1, 3, ...size] } }, ['logit']);
    return logit.data[0];
  };

  const judge = newestOnly(async () => {
    const shown = latest, from = start, logit = await logitOf(shown);
    if (logit !== undefined) showVerdict(logit, from.logit);
    tell('judged', { logit, settled: shown === latest });
  });

  const beginAt = async (name, feeds) => {
    const { picture } = await generator.run(feeds, ['picture']);
    start = { name, picture: picture.data, logit: await logitOf(picture.data) };
    drawPicture(by('start'), start.picture, size);
    by('start-name').textContent = start.logit === undefined ? name : `${name}, logit ${signed(start.logit)}`;
  };

  return newestOnly(async () => {
    const { start: name, before, feeds, fetches = [] } = ask();
    if (start.name !== name) await beginAt(name, before());
    const outputs = await generator.run(feeds, ['picture', ...fetches]);
    latest = outputs.picture.data;
    drawPicture(by('poster'), latest, size);
    const end = drawDifference(by('difference'), latest, start.picture, size);
    by('difference-end').textContent = end ? `full colour is ${(end * 50).toFixed(0)} % of black to white` : 'none yet';
    drawn(outputs);
    judge();
    tell('drawn');
  });
}

const tell = (name, detail) => window.dispatchEvent(new CustomEvent(name, { detail }));
