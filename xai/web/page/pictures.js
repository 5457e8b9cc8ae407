// Numbers to pixels on a canvas, in the colours of xai.render.

const PURPLE = [0.37, 0.24, 0.6], ORANGE = [0.85, 0.47, 0.02];

// fill(pixels): red, green, blue and opacity of each place, which the array rounds and clips to 0 to 255.
function paint(canvas, height, width, fill) {
  if (canvas.height !== height || canvas.width !== width) Object.assign(canvas, { height, width });
  const image = new ImageData(width, height);
  fill(image.data.fill(255));
  canvas.getContext('2d').putImageData(image, 0, 0);
}

// A picture (3, H, W) from -1 to 1.
export function drawPicture(canvas, values, [height, width]) {
  const size = height * width;
  paint(canvas, height, width, (pixels) => {
    for (let place = 0; place < size; place++) {
      for (let colour = 0; colour < 3; colour++) {
        pixels[4 * place + colour] = (values[place + colour * size] + 1) * 127.5;
      }
    }
  });
}

// Where one picture is brighter (orange) or darker (purple) than another; returns the change that has full colour.
export function drawDifference(canvas, values, others, [height, width]) {
  const size = height * width, change = new Float32Array(size);
  let largest = 0;
  for (let place = 0; place < size; place++) {
    for (let colour = place; colour < 3 * size; colour += size) change[place] += (values[colour] - others[colour]) / 3;
    largest = Math.max(largest, Math.abs(change[place]));
  }
  const end = largest || 1;
  paint(canvas, height, width, (pixels) => {
    for (let place = 0; place < size; place++) {
      const level = change[place] / end, full = level < 0 ? PURPLE : ORANGE;
      for (let colour = 0; colour < 3; colour++) {
        pixels[4 * place + colour] = 255 * (1 - Math.abs(level) * (1 - full[colour]));
      }
    }
  });
  return largest;
}

// A filter's map (h, w): black at 0, white at its largest value, which is returned.
export function drawResponse(canvas, values, height, width) {
  let largest = 0;
  for (const value of values) if (value > largest) largest = value;
  const end = largest || 1;
  paint(canvas, height, width, (pixels) => {
    for (let place = 0; place < values.length; place++) {
      pixels.fill((255 * values[place]) / end, 4 * place, 4 * place + 3);
    }
  });
  return largest;
}
