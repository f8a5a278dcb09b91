const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 240;
const HEIGHT = 40;
const POINTS = 60;

interface SparklineOptions {
  shape: 'bars' | 'line';
  /** The top of the scale; without it the largest value shown. */
  max?: number;
  describe(values: readonly number[]): string;
}

export class Sparkline {
  readonly #svg = document.createElementNS(SVG, 'svg');
  readonly #options: SparklineOptions;
  #values: number[] = [];

  constructor(host: HTMLElement, options: SparklineOptions) {
    this.#options = options;
    this.#svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.#svg.setAttribute('preserveAspectRatio', 'none');
    this.#svg.setAttribute('role', 'img');
    host.replaceChildren(this.#svg);
    this.#draw();
  }

  push(value: number): void {
    this.#values = [...this.#values, value].slice(-POINTS);
    this.#draw();
  }

  empty(): void {
    this.#values = [];
    this.#draw();
  }

  #draw(): void {
    this.#svg.setAttribute('aria-label', this.#options.describe(this.#values));
    this.#svg.dataset['points'] = String(this.#values.length);
    const baseline = path('baseline', `M0 ${HEIGHT - 1}H${WIDTH}`);
    const drawn = this.#options.shape === 'bars' ? this.#bars() : this.#line();
    this.#svg.replaceChildren(baseline, ...drawn);
  }

  // The newest value stands at the right edge, so that the line moves like a paper chart.
  #x(index: number): number {
    const slot = WIDTH / POINTS;
    return WIDTH - (this.#values.length - index - 0.5) * slot;
  }

  #y(value: number): number {
    const top = this.#options.max ?? Math.max(...this.#values, Number.MIN_VALUE);
    const share = Math.min(1, Math.max(0, value / top));
    return HEIGHT - 2 - share * (HEIGHT - 6);
  }

  #bars(): SVGElement[] {
    return this.#values.map((value, index) => {
      const newest = index === this.#values.length - 1;
      return path(newest ? 'bar newest' : 'bar', `M${this.#x(index)} ${HEIGHT - 1}V${this.#y(value) - 1}`);
    });
  }

  #line(): SVGElement[] {
    const points = this.#values.map((value, index) => `${this.#x(index)} ${this.#y(value)}`);
    const first = points[0];
    const last = points.at(-1);
    if (first === undefined || last === undefined) return [];
    const line = `M${points.join('L')}`;
    const area = `${line}V${HEIGHT - 1}H${this.#x(0)}Z`;
    // A line of no length with round ends is a dot, whatever the picture is stretched to.
    return [path('area', area), path('line', line), path('newest', `M${last}l0 0`)];
  }
}

function path(className: string, data: string): SVGPathElement {
  const element = document.createElementNS(SVG, 'path');
  element.setAttribute('class', className);
  element.setAttribute('d', data);
  return element;
}
