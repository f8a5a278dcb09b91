import type { Page } from 'playwright-core';

/** Every text on the page whose contrast with what is behind it is below WCAG AA, as `ratio text`. */
export async function weakTexts(page: Page): Promise<string[]> {
  return page.evaluate(inPage);
}

const inPage = `(() => {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 1;
  const paint = canvas.getContext('2d', { willReadFrequently: true });
  const over = (layers) => {
    paint.clearRect(0, 0, 1, 1);
    for (const layer of layers) {
      paint.fillStyle = layer;
      paint.fillRect(0, 0, 1, 1);
    }
    return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (text === '' || !element.checkVisibility() || element.closest(':disabled, .visually-hidden, datalist')) continue;
    const layers = [];
    for (let box = element; box; box = box.parentElement) layers.unshift(getComputedStyle(box).backgroundColor);
    const style = getComputedStyle(element);
    const [back, front] = [over(['#fff', ...layers]), over(['#fff', ...layers, style.color])].map(luminance);
    const ratio = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 24;
    if (ratio < (isLarge ? 3 : 4.5)) weak.push(ratio.toFixed(2) + ' ' + text);
  }
  return weak;
})()`;
