// The scrubber of the dashboard's page and of a notebook. Each adds the few lines with which it hands data over:
//
//     const scrubber = mount(host, (dimension) => { ... });     // called on a click on a square, and on Enter
//     scrubber.show({ uri, columns, cell, steps, now, heat, chosen });
//
// xai/widgets/sheet.py says what the data are.

function mount(host, keep) {
  let shown, choose;
  return {
    show({ chosen, ...atlas }) {
      const text = JSON.stringify(atlas);
      if (text !== shown) {
        host.querySelectorAll('.scrubber').forEach((old) => old.remove());
        choose = build(atlas, chosen, host, keep);
        shown = text;
      }
      choose(chosen);
    },
  };
}

function build(data, chosen, host, keep) {
  const { uri, columns, cell: [height, width], steps, now, heat } = data;
  const OWN = null;  // in place of a step: the poster's own value, which is hardly ever one of the steps
  const nearest = (value) => {
    const away = steps.map((step) => Math.abs(step - now[value]));
    return away.indexOf(Math.min(...away));
  };
  let value = chosen, step = OWN;

  const root = document.createElement('div');
  root.className = 'scrubber';
  root.innerHTML = `
    <div class="left">
      <canvas class="picture" role="slider" tabindex="0" width="${width}" height="${height}"
        aria-label="the poster; arrow keys change the latent value, Enter takes the dimension"></canvas>
      <input type="range" min="0" max="${steps.length - 1}" step="any" aria-label="the latent value">
      <div class="ticks"><span>${steps[0]}</span><span>0</span><span>+${steps[steps.length - 1]}</span></div>
    </div>
    <div class="right">
      <div class="values" role="radiogroup" aria-label="latent dimensions"></div>
      <div class="say" aria-live="polite"></div>
      <button class="plain" data-do="reset">Reset</button>
    </div>`;
  host.append(root);
  const picture = root.querySelector('.picture'), slider = root.querySelector('input');
  const say = root.querySelector('.say'), context = picture.getContext('2d');
  // The last sheet is kept: whoever comes back to the page, or was slow, does not fetch it again.
  const last = globalThis.posterlensSweeps, sheet = last?.uri === uri ? last.sheet : new Image();
  globalThis.posterlensSweeps = { uri, sheet };

  const cells = now.map((_, index) => {
    const cell = document.createElement('button');
    cell.className = 'value';
    cell.textContent = index;
    cell.setAttribute('role', 'radio');
    cell.setAttribute('aria-label', `dimension ${index}`);
    cell.style.setProperty('--heat', `${Math.round(100 * heat[index])}%`);
    cell.onfocus = () => choose(index);
    cell.onclick = () => { choose(index); keep(index); };
    return cell;
  });
  root.querySelector('.values').append(...cells);

  const draw = () => {
    const cell = step === OWN ? now.length * steps.length : value * steps.length + step;
    const column = cell % columns, row = Math.floor(cell / columns);
    if (sheet.naturalWidth) context.drawImage(sheet, column * width, row * height, width, height, 0, 0, width, height);
    const at = step === OWN ? now[value].toFixed(2) : steps[step].toFixed(1);
    picture.setAttribute('aria-valuenow', at);
    picture.setAttribute('aria-valuetext', `dimension ${value} at ${at}`);
    const first = steps[0], last = steps[steps.length - 1];
    slider.value = step ?? ((now[value] - first) / (last - first)) * (steps.length - 1);
    const beside = step === OWN ? ', as in this poster' : ` (this poster: ${now[value].toFixed(2)})`;
    say.textContent = `dimension ${value} at ${at}${beside}`;
    cells.forEach((cell, index) => {
      cell.setAttribute('aria-checked', index === value);
      cell.tabIndex = index === value ? 0 : -1;
    });
  };
  const choose = (index) => { if (index !== value) { value = index; step = OWN; draw(); } };
  const turn = (to) => { step = Math.max(0, Math.min(steps.length - 1, to)); draw(); };
  const reset = () => { step = OWN; draw(); };
  const by = (change) => turn((step ?? nearest(value)) + change);

  const at = (event) => {
    const box = picture.getBoundingClientRect();
    turn(Math.round(((event.clientX - box.left) / box.width) * (steps.length - 1)));
  };
  picture.onpointermove = (event) => { if (event.pointerType === 'mouse' || event.buttons) at(event); };
  picture.onpointerdown = (event) => { picture.setPointerCapture(event.pointerId); at(event); };
  slider.oninput = () => turn(Math.round(Number(slider.value)));
  const keys = (event) => {
    const moves = {
      ArrowRight: () => by(1), ArrowLeft: () => by(-1), Home: reset,
      Enter: () => keep(value),
      ArrowDown: () => choose(Math.min(now.length - 1, value + 1)), ArrowUp: () => choose(Math.max(0, value - 1)),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  };
  picture.onkeydown = keys;
  root.querySelector('.values').onkeydown = (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 10, ArrowUp: -10 }[event.key];
    if (!move) return;
    event.preventDefault();
    const next = cells[value + move];
    if (next) next.focus();
  };
  root.querySelector('[data-do=reset]').onclick = reset;
  sheet.addEventListener('load', draw);
  sheet.addEventListener('error', () => { delete globalThis.posterlensSweeps; });
  if (!sheet.src) sheet.src = uri;
  draw();
  return choose;
}
