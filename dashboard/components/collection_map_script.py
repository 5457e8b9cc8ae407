"""The browser's side of the map of a collection: what it draws, and what hands and keys do."""

JS = """
const BASE = 32, FEW = 44;  // a thumbnail's side, and a cell's, in CSS pixels
export default function ({ data, parentElement, setTriggerValue }) {
  if (!parentElement.map) parentElement.map = build(parentElement);
  const map = parentElement.map;
  map.send = (marks) => setTriggerValue('brushed', marks ? toBits(marks) : toBits(new Uint8Array(data.count)));
  map.pick = (row) => setTriggerValue('picked', row);
  map.show(data);
  const observer = new ResizeObserver(map.resize);
  observer.observe(map.stage);
  return () => observer.disconnect();
}

function build(parentElement) {
  const root = document.createElement('div');
  root.className = 'map';
  root.innerHTML = MARKUP;
  parentElement.append(root);
  const find = (selector) => root.querySelector(selector);
  const stage = find('.stage'), plane = find('.plane'), tip = find('.tip');
  const legend = find('.legend'), say = find('.say');
  const context = plane.getContext('2d'), large = tip.querySelector('canvas'), enlarged = large.getContext('2d');
  let data = null, count = 0, numbers = [], x = [], y = [], codes = null, palette = null, packedColours = null;
  let sheet = null, marks = null, marked = 0, image = null, pixels = null, asked = false;
  let scale = 0, left = 0, top = 0, whole = 1, ratio = 1, mode = 'move', posters = true, at = -1, path = null;
  let thumbs = { level: NaN, rows: [] }, drawn = [];
  const map = { stage, send() {}, pick() {} };

  // ---- what is shown ------------------------------------------------------------------------------------
  map.show = async (given) => {
    const before = data;
    data = given;
    plane.setAttribute('aria-label', `${data.title}. Arrow keys go from poster to poster, with Shift they ` +
      'move the map; plus and minus zoom, 0 shows it all, Enter chooses a poster, B brushes what is in ' +
      'view, Escape clears.');
    try {
      if (before?.places !== data.places) {
        const buffer = await bytes(data.places);
        count = data.count;
        numbers = new Int32Array(buffer, 0, count);
        x = new Uint16Array(buffer, 4 * count, count);
        y = new Uint16Array(buffer, 6 * count, count);
        at = -1;
        scale = 0;
      }
      if (before?.colours !== data.colours) {
        const buffer = await bytes(data.colours);
        palette = new Uint8Array(buffer, 0, 768);
        codes = new Uint8Array(buffer, 768, data.count);
        packedColours = Uint32Array.from({ length: 256 }, (_, c) =>
          (255 << 24) | (palette[3 * c + 2] << 16) | (palette[3 * c + 1] << 8) | palette[3 * c]);
        thumbs.level = NaN;
        describe();
      }
      if (data !== given) return;  // another answer came meanwhile
      mark(fromBits(data.marked, data.count));
      map.resize();
      if (before?.sheet !== data.sheet || !sheet) { sheet = await picture(data.sheet); redraw(); }
    } catch (error) { data = before; say.textContent = 'The map could not be fetched; reload the page.'; }
  };
  const colour = (code) => `rgb(${palette[3 * code]} ${palette[3 * code + 1]} ${palette[3 * code + 2]})`;
  const label = (row) => {
    const kind = row < data.real ? 'poster' : 'seed', group = data.labels[codes[row]];
    const value = data.scale && (data.scale[1] + (codes[row] / 254) * (data.scale[2] - data.scale[1])).toFixed(1);
    return `${kind} ${numbers[row]}, ${data.scale ? `${data.scale[0]} ${value}` : group}`;
  };
  const describe = () => {
    const parts = [];
    if (data.scale) {
      const key = document.createElement('span'), bar = document.createElement('span');
      const [name, low, high] = data.scale;
      key.className = 'key';
      bar.className = 'bar';
      bar.style.background = `linear-gradient(90deg, ${[0, 64, 127, 190, 254].map(colour).join(', ')})`;
      key.append(`${name} ${low.toFixed(0)} (${data.ends[0]})`, bar, `+${high.toFixed(0)} (${data.ends[1]})`);
      parts.push(key);
    }
    data.labels.forEach((text, code) => {
      const button = document.createElement('button'), dot = document.createElement('span');
      dot.className = 'dot';
      dot.style.background = colour(code);
      button.append(dot, text);
      button.onclick = () => brush((row) => codes[row] === code, text);
      parts.push(button);
    });
    if (data.real && data.real < data.count && !data.labels.includes('generated')) {
      for (const [shape, text] of [['dot', 'real'], ['dot hollow', 'generated']]) {
        const key = document.createElement('span'), dot = document.createElement('span');
        key.className = 'key';
        dot.className = shape;
        if (shape === 'dot') dot.style.background = 'currentColor';
        key.append(dot, text);
        parts.push(key);
      }
    }
    legend.replaceChildren(...parts);
  };

  // ---- where things are ---------------------------------------------------------------------------------
  const wide = () => stage.clientWidth, tall = () => stage.clientHeight;
  const fit = () => {  // all but the outermost two in a thousand
    const ends = [x, y].map(mostOf);
    const [[x0, x1], [y0, y1]] = ends;
    whole = Math.min((wide() - 70) / Math.max(x1 - x0, 1), (tall() - 70) / Math.max(y1 - y0, 1));
    scale = whole;
    left = wide() / 2 - (scale * (x0 + x1)) / 2;
    top = tall() / 2 - (scale * (y0 + y1)) / 2;
  };
  const zoom = (by, px = wide() / 2, py = tall() / 2) => {
    const next = Math.max(whole / 2, Math.min(whole * 400, scale * by)), factor = next / scale;
    left = px - (px - left) * factor;
    top = py - (py - top) * factor;
    scale = next;
    redraw();
  };
  const move = (dx, dy) => { left += dx; top += dy; redraw(); };
  map.resize = () => {
    if (!data || !codes || !wide()) return;
    ratio = Math.min(globalThis.devicePixelRatio || 1, 2);
    const width = Math.round(wide() * ratio), height = Math.round(tall() * ratio);
    if (plane.width !== width || plane.height !== height || !pixels) {
      plane.width = width;
      plane.height = height;
      image = context.createImageData(width, height);
      pixels = new Uint32Array(image.data.buffer);
      if (scale) { const was = scale / whole; fit(); if (was !== 1) zoom(was); }
    }
    if (!scale) fit();
    redraw();
  };

  // ---- drawing ------------------------------------------------------------------------------------------
  const redraw = () => { if (!asked) { asked = true; requestAnimationFrame(() => { asked = false; draw(); }); } };
  const points = () => {
    const { width, height } = image, k = scale * ratio, ox = left * ratio, oy = top * ratio;
    const larger = 0.8 * Math.log2(Math.max(1, scale / whole));
    const side = Math.round(ratio * Math.min(9, 2.6 + larger));
    const half = side >> 1, faint = 0x38ffffff;
    pixels.fill(0);
    const put = (row, packed) => {
      const real = row < data.real, size = real ? side : side + 2 * Math.round(ratio);
      const px = Math.round(x[row] * k + ox) - half, py = Math.round(y[row] * k + oy) - half;
      if (px < 0 || py < 0 || px + size >= width || py + size >= height) return;
      const rim = Math.max(1, size >> 2), far = size - rim;
      for (let j = 0, start = py * width + px; j < size; j++, start += width) {
        const solid = real || j < rim || j >= far;
        for (let i = 0; i < size; i++) if (solid || i < rim || i >= far) pixels[start + i] = packed;
      }
    };
    if (marked) {
      for (let i = 0; i < count; i++) if (!marks[i]) put(i, packedColours[codes[i]] & faint);
      for (let i = 0; i < count; i++) if (marks[i]) put(i, packedColours[codes[i]]);
    } else for (let i = 0; i < count; i++) put(i, packedColours[codes[i]]);
    context.putImageData(image, 0, 0);
  };
  // One thumbnail a cell, of the point nearest to its middle. Cells stand still while the map moves, and change with
  // half a doubling of the zoom, so that thumbnails do not flicker.
  const layThumbs = () => {
    const level = Math.floor(2 * Math.log2(scale));
    if (thumbs.level === level && thumbs.marked === marks) return;
    const unit = 2 ** (level / 2), side = Math.max(BASE, Math.min(80, BASE * Math.sqrt(unit / whole / 12)));
    const rows = oneEachCell(x, y, ((FEW / BASE) * side) / unit, marks);
    thumbs = { level, side, marked: marks, rows };
  };
  const tile = (target, row, px, py, width, height) => {
    const [h, w] = data.cell, column = row % data.columns, line = Math.floor(row / data.columns);
    target.drawImage(sheet, column * w, line * h, w, h, px, py, width, height);
  };
  const draw = () => {
    if (!pixels || !data || !codes || codes.length !== count) return;
    points();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawn = [];
    if (posters && sheet) {
      layThumbs();
      const { side, rows } = thumbs, high = side * data.cell[0] / data.cell[1], w = wide(), h = tall();
      for (const row of rows) {
        const px = Math.round(x[row] * scale + left - side / 2), py = Math.round(y[row] * scale + top - high / 2);
        if (px < -side || py < -high || px > w || py > h) continue;
        context.globalAlpha = marked && !marks[row] ? 0.25 : 1;
        context.fillStyle = colour(codes[row]);
        context.fillRect(px - 2, py - 2, side + 4, high + 4);
        tile(context, row, px, py, side, high);
        drawn.push(row, px, py);
      }
      context.globalAlpha = 1;
    }
    const text = getComputedStyle(root).color;
    const strong = getComputedStyle(plane).getPropertyValue('--st-primary-color') || text;
    const ring = (px, py, size, style) => {
      for (const [width, stroke] of [[5, '#fff'], [3, style]]) {
        context.lineWidth = width;
        context.strokeStyle = stroke;
        context.strokeRect(px - size, py - size, 2 * size, 2 * size);
      }
    };
    const reach = posters ? thumbs.side / 2 + 5 : 9;
    const spot = data.chosen >= 0 ? [x[data.chosen], y[data.chosen]] : data.place;
    if (spot) {
      const px = spot[0] * scale + left, py = spot[1] * scale + top;
      const shown = posters && sheet && data.chosen >= 0;
      if (shown) tile(context, data.chosen, px - reach, py - reach, 2 * reach, 2 * reach);
      ring(px, py, reach + 2, strong);
    }
    if (at >= 0) ring(x[at] * scale + left, y[at] * scale + top, reach, text);
    if (path?.length > 1) {
      context.beginPath();
      outline().forEach(([px, py], index) => (index ? context.lineTo(px, py) : context.moveTo(px, py)));
      context.closePath();
      context.globalAlpha = 0.15;
      context.fillStyle = strong;
      context.fill();
      context.globalAlpha = 1;
      context.lineWidth = 2;
      context.strokeStyle = strong;
      context.stroke();
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  };

  // ---- brush and choice ---------------------------------------------------------------------------------
  const mark = (next) => {
    const total = next ? next.reduce((sum, one) => sum + one, 0) : 0;
    if (total) {
      const same = marks && marks.length === next.length && next.every((one, row) => one === marks[row]);
      if (!same) marks = next;
    } else marks = null;
    marked = total;
    redraw();
  };
  const brush = (inside, what) => {
    const next = new Uint8Array(count);
    for (let i = 0; i < count; i++) next[i] = inside(i) ? 1 : 0;
    mark(next);
    say.textContent = marked ? `${marked} of ${count} posters brushed: ${what}` : `no poster in ${what}`;
    map.send(marked ? next : null);
  };
  const clear = () => { if (marked) { mark(null); say.textContent = 'nothing brushed'; map.send(null); } };
  const outline = () => {
    if (path.box) {
      const [[x0, y0], [x1, y1]] = [path[0], path[path.length - 1]];
      return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    }
    return path;
  };
  const inView = (i) => {
    const px = x[i] * scale + left, py = y[i] * scale + top;
    return px >= 0 && py >= 0 && px <= wide() && py <= tall();
  };
  const insidePath = () => {
    const corners = outline().map(([px, py]) => [(px - left) / scale, (py - top) / scale]);
    return (i) => inPolygon(corners, x[i], y[i]);
  };
  const under = (px, py) => {
    const high = posters && sheet ? thumbs.side * data.cell[0] / data.cell[1] : 0;
    for (let d = drawn.length - 3; d >= 0; d -= 3) {
      const dx = px - drawn[d + 1], dy = py - drawn[d + 2];
      if (dx >= 0 && dy >= 0 && dx <= thumbs.side && dy <= high) return drawn[d];
    }
    let found = -1, nearest = (10 / scale) ** 2;
    const wx = (px - left) / scale, wy = (py - top) / scale;
    for (let i = 0; i < count; i++) {
      const far = (x[i] - wx) ** 2 + (y[i] - wy) ** 2;
      if (far < nearest) { nearest = far; found = i; }
    }
    return found;
  };
  const point = (row) => {
    if (row === at) return;
    at = row;
    tip.style.display = row < 0 ? 'none' : 'block';
    if (row >= 0) {
      if (sheet) {
        large.height = Math.round(128 * data.cell[0] / data.cell[1]);
        enlarged.imageSmoothingQuality = 'high';
        tile(enlarged, row, 0, 0, 128, large.height);
      }
      tip.querySelector('.label').textContent = say.textContent = label(row);
      const px = x[row] * scale + left, py = y[row] * scale + top, width = tip.offsetWidth, height = tip.offsetHeight;
      const gap = (posters ? thumbs.side ?? BASE : BASE) / 2 + 10;
      tip.style.left = `${px + gap + width > wide() ? Math.max(0, px - gap - width) : px + gap}px`;
      tip.style.top = `${Math.max(0, Math.min(tall() - height - 2, py - height / 2))}px`;
    }
    redraw();
  };
  const step = (dx, dy) => {  // the nearest point in this direction
    if (at < 0 || !inView(at)) {
      let found = -1, nearest = Infinity;
      for (let i = 0; i < count; i++) {
        const far = (x[i] * scale + left - wide() / 2) ** 2 + (y[i] * scale + top - tall() / 2) ** 2;
        if (far < nearest) { nearest = far; found = i; }
      }
      return point(found);
    }
    let found = -1, nearest = Infinity;
    for (let i = 0; i < count; i++) {
      const right = x[i] - x[at], down = y[i] - y[at];
      const along = right * dx + down * dy, beside = Math.abs(right * dy) + Math.abs(down * dx);
      if (along * scale < 3 || beside > along) continue;
      const far = along + 2 * beside;
      if (far < nearest) { nearest = far; found = i; }
    }
    if (found < 0) return;
    const px = x[found] * scale + left, py = y[found] * scale + top;
    left -= Math.min(0, px - 60) + Math.max(0, px - wide() + 60);
    top -= Math.min(0, py - 60) + Math.max(0, py - tall() + 60);
    point(found);
  };

  // ---- hands --------------------------------------------------------------------------------------------
  const fingers = new Map();
  let from = null, apart = 0, dragged = false;
  const here = (event) => {
    const box = plane.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return [Math.hypot(a[0] - b[0], a[1] - b[1]), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  };
  plane.onpointerdown = (event) => {
    try { plane.setPointerCapture(event.pointerId); } catch { /* the pointer is gone */ }
    fingers.set(event.pointerId, here(event));
    from = here(event);
    dragged = false;
    path = null;
    if (fingers.size === 2) { apart = spread(); dragged = true; return; }
    if (event.shiftKey || mode !== 'move') { path = [from]; path.box = mode !== 'lasso'; }
  };
  plane.onpointermove = (event) => {
    const [px, py] = here(event);
    if (!fingers.has(event.pointerId)) return point(under(px, py));
    fingers.set(event.pointerId, [px, py]);
    if (fingers.size === 2) {
      const now = spread();
      move(now[1] - apart[1], now[2] - apart[2]);
      zoom(now[0] / Math.max(apart[0], 1), now[1], now[2]);
      apart = now;
      return;
    }
    if (!from || (!dragged && Math.hypot(px - from[0], py - from[1]) < 4)) return;
    dragged = true;
    point(-1);
    if (path) { path.push([px, py]); redraw(); } else { move(px - from[0], py - from[1]); from = [px, py]; }
  };
  plane.onpointerup = plane.onpointercancel = (event) => {
    fingers.delete(event.pointerId);
    const done = path, [px, py] = here(event);
    if (event.type === 'pointerup' && done && dragged) {
      const inside = insidePath();
      path = null;
      brush(inside, done.box ? 'the box' : 'the lasso');
    } else if (event.type === 'pointerup' && !dragged && from) {
      const row = under(px, py);
      point(row);
      if (row >= 0) map.pick(row);
    }
    path = null;
    from = null;
    redraw();
  };
  plane.onpointerleave = () => { if (!fingers.size) point(-1); };
  plane.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoom(2 ** (-event.deltaY / (event.deltaMode ? 6 : 240)), ...here(event));
  }, { passive: false });
  const act = {
    in: () => zoom(1.5), out: () => zoom(1 / 1.5), fit: () => { fit(); redraw(); }, clear,
    view: () => brush(inView, 'what is in view'),
    posters: (button) => { posters = !posters; button.setAttribute('aria-pressed', posters); redraw(); },
  };
  root.querySelectorAll('[data-do]').forEach((button) => {
    button.onclick = () => { if (codes) act[button.dataset.do](button); };
  });
  root.querySelectorAll('[data-mode]').forEach((button) => {
    button.onclick = () => {
      mode = button.dataset.mode;
      stage.classList.toggle('drawing', mode !== 'move');
      root.querySelectorAll('[data-mode]').forEach((one) => one.setAttribute('aria-pressed', one === button));
    };
  });
  plane.onkeydown = (event) => {
    if (!codes || event.ctrlKey || event.metaKey || event.altKey) return;
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const keys = {
      '+': act.in, '=': act.in, '-': act.out, 0: act.fit, b: act.view, B: act.view, Escape: clear,
      Enter: () => { if (at >= 0) map.pick(at); },
    };
    if (!ways && !(event.key in keys)) return;
    event.preventDefault();
    if (!ways) keys[event.key]();
    else if (event.shiftKey) move(-80 * ways[0], -80 * ways[1]);
    else step(...ways);
  };
  return map;
}
"""
