// D's verdict in words, numbers and a bar, as xai.report.words has it.
//
//     const showVerdict = verdictIn((id) => document.getElementById(id));
//     showVerdict(logit, start);

const FULL = 8;  // logits at the ends of the bar
const PAUSE = 700;  // milliseconds without a change after which a verdict is read out

export const signed = (value) => (value <= -0.005 ? '−' : '+') + Math.abs(value).toFixed(2);
export const probability = (logit) => `${(100 / (1 + Math.exp(-logit))).toFixed(1)} %`;

export function verdictIn(by) {
  let timer;
  return (logit, start) => {
    const real = logit > 0, colour = real ? 'red' : 'blue';
    by('verdict').textContent = `D finds it ${real ? 'real' : 'fake'}`;
    by('verdict').className = colour;
    by('logit').textContent = signed(logit);
    by('probability').textContent = probability(logit);
    by('logit-change').textContent = signed(logit - start);
    const place = (value) => 50 + (50 * Math.max(-FULL, Math.min(FULL, value))) / FULL;
    const [low, high] = [50, place(logit)].sort((a, b) => a - b);
    Object.assign(by('meter-now').style, { left: `${low}%`, width: `${high - low}%` });
    by('meter-now').className = colour;
    by('meter-start').style.left = `${place(start)}%`;
    clearTimeout(timer);
    timer = setTimeout(() => {
      by('spoken').textContent = `D finds it ${real ? 'real' : 'fake'}, logit ${signed(logit)}`;
    }, PAUSE);
  };
}
